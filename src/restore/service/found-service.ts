import type { DockerEngine } from '../../docker/client/engine.ts';
import type { SwitchedMount } from '../../docker/compose/override-file.ts';
import type { ComposeProject } from '../../docker/compose/project.ts';
import type { Service } from '../../docker/compose/service.ts';
import type { DataPlace } from './service-places.ts';
/** The service that a restore brings back, and where its data lies. */
export interface FoundService {
  docker: DockerEngine;
  project: ComposeProject;
  service: Service;
  data: DataPlace;
  /** The override file's mount of the data, when the service's container is on another one. */
  strayed?: SwitchedMount;
}
