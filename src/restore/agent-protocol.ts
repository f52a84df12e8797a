import type { ErrorReport } from '../errors.ts';
import type { OdoEvent } from '../events.ts';
import type { Amendment } from '../postgres/amendment.ts';
import type { S3Credentials } from '../store/s3-credentials.ts';
import type { Owner } from '../target/place.ts';
import type { FinishOptions, FollowJob, LayDownJob, RaiseFacts, ReachJob, Target } from './engine.ts';
import type { OldDataQuestion } from './survey-old-data.ts';
import type { SuspectPage } from './verified-cluster.ts';

/**
 * What the host and the restore container say to each other: one JSON document a line, requests on the container's standard
 * input, answers and events on its standard output. Requests are carried out one after the other, but for `feed`, which goes on beside them;
 * `cancel` ends the one that is running, `renew` brings keys in place of those of the jobs under way.
 * Standard input is also the lifeline: at its end the container stops its work and ends. Where `end` has not come before, the host is gone, or cannot reach
 * the container, and another one may go on feeding the server.
 * Jobs and keys are secret, which is why they travel here and not in the container's environment, where anyone could look them up.
 */
export type AgentRequest =
  | { id: number; do: 'probe'; target: Target; options?: { measure?: boolean } }
  | { id: number; do: 'tryWriting'; target: Target; owner?: Owner }
  | { id: number; do: 'status' | 'staged'; target: Target }
  | { id: number; do: 'clean'; target: Target; options?: { acceptLoss?: boolean } }
  | { id: number; do: 'layDown' | 'feed' | 'takeSalvage'; job: LayDownJob }
  | { id: number; do: 'amend'; target: Target; amendments: readonly Amendment[]; owner?: Owner }
  | { id: number; do: 'follow'; job: FollowJob }
  | { id: number; do: 'reach'; job: ReachJob }
  | { id: number; do: 'recheckPages'; target: Target; suspects: SuspectPage[] }
  | { id: number; do: 'recoveryState'; target: Target; options?: { log?: boolean } }
  | { id: number; do: 'raiseSettings' | 'archivingConfigured'; target: Target; facts: RaiseFacts }
  | { id: number; do: 'surveyOld'; target: Target; question: OldDataQuestion }
  | { id: number; do: 'swap'; target: Target }
  | { id: number; do: 'takeBack' | 'rollback' | 'noteRollbackTold'; target: Target }
  | { id: number; do: 'discard'; target: Target }
  | { id: number; do: 'finish'; options: FinishOptions }
  | { do: 'renew'; credentials: S3Credentials }
  | { do: 'cancel' }
  | { do: 'end' };

/** `hello` is the first line: the host can tell an image of another version, or of another build of its own, by it. */
export type AgentMessage =
  | { hello: { version: string; build?: string } }
  | { id: number; result: unknown }
  | { id: number; error: ErrorReport }
  /** `of` is the request that it belongs to. */
  | { of: number; event: OdoEvent };
