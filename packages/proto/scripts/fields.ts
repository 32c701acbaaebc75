import protobuf from 'protobufjs';
import { TIMESTAMP_FIELDS } from '../src/timestamps.js';

/** How a field is written in TypeScript and on the wire. */
export type FieldKind =
  | 'bytes'
  | 'string'
  | 'bool'
  | 'u32'
  | 'i32'
  | 'u53'
  | 'i53'
  | 'timestamp'
  | 'message';

export interface FieldPlan {
  readonly kind: FieldKind;
  readonly number: number;
  /** As in the .proto file, with the package and the message. */
  readonly fullName: string;
  /** camelCase. */
  readonly property: string;
  readonly repeated: boolean;
  /** The referred message as seen from the generated file, for kind 'message'. */
  readonly message: string;
  readonly comment: string | null;
}

const SCALARS: Readonly<Record<string, FieldKind>> = {
  bytes: 'bytes',
  string: 'string',
  bool: 'bool',
  uint32: 'u32',
  int32: 'i32',
  uint64: 'u53',
  int64: 'i53',
};

export const TS_TYPES: Readonly<Record<Exclude<FieldKind, 'message'>, string>> = {
  bytes: 'Uint8Array',
  string: 'string',
  bool: 'boolean',
  u32: 'number',
  i32: 'number',
  u53: 'number',
  i53: 'number',
  timestamp: 'bigint',
};

export const DEFAULTS: Readonly<Record<Exclude<FieldKind, 'message'>, string>> = {
  bytes: 'EMPTY_BYTES',
  string: "''",
  bool: 'false',
  u32: '0',
  i32: '0',
  u53: '0',
  i53: '0',
  timestamp: '0n',
};

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
}

/** `kvrpcpb.Context` as seen from a file: `Context` in its own, `kvrpcpb.Context` in others. */
export function reference(type: protobuf.ReflectionObject, packageName: string): string {
  const owner = type.parent?.name ?? '';
  return owner === packageName ? type.name : `${owner}.${type.name}`;
}

function kindOf(field: protobuf.Field, fullName: string): FieldKind {
  if (field.resolvedType instanceof protobuf.Type) return 'message';
  if (field.resolvedType instanceof protobuf.Enum) return 'i32';
  if (TIMESTAMP_FIELDS.has(fullName)) return 'timestamp';
  const kind = SCALARS[field.type];
  if (kind === undefined) throw new Error(`${fullName}: type ${field.type} is not supported`);
  return kind;
}

export function planField(field: protobuf.Field, packageName: string): FieldPlan {
  const fullName = field.fullName.slice(1);
  if (field.map || field.partOf !== null)
    throw new Error(`${fullName}: maps and oneofs are not supported`);
  const kind = kindOf(field, fullName);
  const isPlain = kind === 'bytes' || kind === 'string' || kind === 'message' || kind === 'u53';
  if (field.repeated && !isPlain)
    throw new Error(`${fullName}: repeated ${field.type} is not supported`);
  return {
    kind,
    number: field.id,
    fullName,
    property: camelCase(field.name),
    repeated: field.repeated,
    message: field.resolvedType === null ? '' : reference(field.resolvedType, packageName),
    comment: field.comment,
  };
}
