import type { OdoError } from '../../errors.ts';
import type { OdoEvent } from '../../events.ts';
import type { Promotion } from '../../restore/afterwards/promote-service.ts';
import type { Rollback } from '../../restore/afterwards/rollback-service.ts';
import type { TemporaryList, TemporaryStopped } from '../../restore/afterwards/temporary-servers.ts';
import type { CleanReport, StatusReport } from '../../restore/afterwards/volume-commands.ts';
import type { ImageLoaded } from '../../restore/image/load-image.ts';
import type { Plan, Receipt } from '../../restore/outcome/receipt.ts';
import type { ListReport, ShowReport } from '../../restore/proofs/catalogue.ts';
import type { Following } from '../../restore/standby/follow-service.ts';
import type { ConfigReport } from '../settings/config-report.ts';
import type { CheckReport } from './check-report.ts';

/** A text that is the whole result, such as a man page. */
export interface PrintedText {
  kind: 'text';
  text: string;
}

/** The result of a command. */
export type Result =
  | Plan
  | Receipt
  | Rollback
  | Promotion
  | Following
  | CheckReport
  | StatusReport
  | CleanReport
  | ListReport
  | ShowReport
  | ConfigReport
  | PrintedText
  | TemporaryList
  | TemporaryStopped
  | ImageLoaded;

/** Makes what the core tells visible: events and errors on standard error, the result on standard output. */
export interface Renderer {
  event(event: OdoEvent): void;
  result(result: Result): void;
  error(error: OdoError): void;
  /** Ends the renderer's own activity, such as its ticker. For a renderer that another one replaces. */
  close(): void;
}
