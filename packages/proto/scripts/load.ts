import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

export const PROTO_DIR: string = fileURLToPath(new URL('../../../proto', import.meta.url));

/** One .proto file, all of whose names are resolved. File base name and package name are the same. */
export interface ProtoFile {
  readonly packageName: string;
  readonly messages: readonly protobuf.Type[];
  readonly enums: readonly protobuf.Enum[];
  readonly services: readonly protobuf.Service[];
}

export function loadRoot(dir: string): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(dir, target);
  const names = readdirSync(dir).filter((name) => name.endsWith('.proto'));
  root.loadSync(names.sort(), { keepCase: true, alternateCommentMode: true });
  root.resolveAll();
  return root;
}

export function loadProtoFiles(dir: string): ProtoFile[] {
  return loadRoot(dir).nestedArray.map((entry) => {
    if (!(entry instanceof protobuf.Namespace)) throw new Error(`${entry.name} has no package`);
    const file = { packageName: entry.name, messages: [], enums: [], services: [] } as {
      packageName: string;
      messages: protobuf.Type[];
      enums: protobuf.Enum[];
      services: protobuf.Service[];
    };
    for (const item of entry.nestedArray) {
      if (item instanceof protobuf.Type) file.messages.push(item);
      else if (item instanceof protobuf.Enum) file.enums.push(item);
      else if (item instanceof protobuf.Service) file.services.push(item);
      else throw new Error(`${item.fullName}: this kind of declaration is not supported`);
    }
    return file;
  });
}
