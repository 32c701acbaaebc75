import { allMethods, type Method } from '@tinykv/proto';
import { type FieldPlan, planField } from '../../../proto/scripts/fields.js';
import { loadProtoFiles, PROTO_DIR } from '../../../proto/scripts/load.js';

/** A message type as `proto/` describes it. */
export interface Shape {
  /** `kvrpcpb.GetRequest`. */
  readonly name: string;
  readonly fields: readonly FieldShape[];
}

export interface FieldShape {
  readonly number: number;
  /** As in the .proto file. */
  readonly name: string;
  readonly kind: FieldPlan['kind'];
  readonly repeated: boolean;
  /** Undefined unless the kind is `message`. */
  readonly message: () => Shape | undefined;
}

/** One rpc with the shape of what it is asked. */
export interface Rpc {
  /** `/tinykvpb.TinyKv/KvGet`. */
  readonly path: string;
  /** `tinykvpb.TinyKv`. */
  readonly service: string;
  readonly isStream: boolean;
  readonly request: Shape;
  /** The codec that a server decodes the request with. */
  readonly codec: Method<object, object>['request'];
}

/** Every rpc that a file under `proto/` declares, in the order of the files: a new one is here without an edit. */
export function allRpcs(): Rpc[] {
  const codecs = new Map(allMethods.map((method) => [method.path, method.request]));
  const files = loadProtoFiles(PROTO_DIR);
  const shapes = shapesOf(files);
  return files.flatMap((file) =>
    file.services.flatMap((service) =>
      service.methodsArray.map((method) => {
        const name = `${file.packageName}.${service.name}`;
        const path = `/${name}/${method.name}`;
        const request = shapes.get(method.resolvedRequestType?.fullName.slice(1) ?? '');
        const codec = codecs.get(path);
        if (request === undefined || codec === undefined)
          throw new Error(`${path}: no such method`);
        const isStream = method.requestStream === true || method.responseStream === true;
        return { path, service: name, isStream, request, codec };
      }),
    ),
  );
}

function shapesOf(files: ReturnType<typeof loadProtoFiles>): ReadonlyMap<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { packageName, messages } of files) {
    for (const type of messages) {
      const fields = type.fieldsArray.map((field): FieldShape => {
        const { number, kind, repeated } = planField(field, packageName);
        const nested = field.resolvedType?.fullName.slice(1) ?? '';
        return { number, name: field.name, kind, repeated, message: () => shapes.get(nested) };
      });
      const name = type.fullName.slice(1);
      shapes.set(name, { name, fields });
    }
  }
  return shapes;
}
