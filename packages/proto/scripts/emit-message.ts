import type protobuf from 'protobufjs';
import { DEFAULTS, type FieldPlan, planField, TS_TYPES } from './fields.js';

const VARINT = 0;
const LENGTH_DELIMITED = 2;

function tagOf(field: FieldPlan, wireType: number): number {
  return ((field.number << 3) | wireType) >>> 0;
}

function isDelimited(field: FieldPlan): boolean {
  return field.kind === 'bytes' || field.kind === 'string' || field.kind === 'message';
}

function tsType(field: FieldPlan): string {
  const single = field.kind === 'message' ? field.message : TS_TYPES[field.kind];
  if (field.repeated) return `${single}[]`;
  return field.kind === 'message' ? `${single} | undefined` : single;
}

function defaultOf(field: FieldPlan): string {
  if (field.repeated) return '[]';
  return field.kind === 'message' ? 'undefined' : DEFAULTS[field.kind];
}

export function docComment(text: string | null, indent = ''): string[] {
  if (text === null) return [];
  const lines = text.split('\n');
  if (lines.length === 1) return [`${indent}/** ${lines[0]} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`];
}

function createFrom(field: FieldPlan): string {
  const from = `init.${field.property}`;
  if (field.kind !== 'message') {
    return field.repeated ? `[...(${from} ?? [])]` : `${from} ?? ${defaultOf(field)}`;
  }
  if (field.repeated) return `(${from} ?? []).map((item) => ${field.message}.create(item))`;
  return `${from} === undefined ? undefined : ${field.message}.create(${from})`;
}

function emitCreate(name: string, fields: readonly FieldPlan[]): string[] {
  const unused = fields.length === 0;
  return [
    `  create(${unused ? '' : `init?: Init<${name}>`}): ${name} {`,
    ...(unused
      ? ['    return {};']
      : [
          '    if (init === undefined) {',
          '      return {',
          ...fields.map((field) => `        ${field.property}: ${defaultOf(field)},`),
          '      };',
          '    }',
          '    return {',
          ...fields.map((field) => `      ${field.property}: ${createFrom(field)},`),
          '    };',
        ]),
    '  },',
  ];
}

/** Statement that writes one present value held in `value`. */
function writeOne(field: FieldPlan): string {
  const tag = tagOf(field, isDelimited(field) ? LENGTH_DELIMITED : VARINT);
  const name = `'${field.fullName}'`;
  switch (field.kind) {
    case 'bytes':
    case 'string':
    case 'bool':
      return `writer.uint32(${tag}).${field.kind}(value);`;
    case 'message':
      return `${field.message}.encodeTo(value, writer.uint32(${tag}).fork()); writer.ldelim();`;
    case 'u32':
      return `writeU32(writer, ${tag}, value, ${name});`;
    case 'i32':
      return `writeI32(writer, ${tag}, value, ${name});`;
    case 'u53':
      return `writeU53(writer, ${tag}, value, ${name});`;
    case 'i53':
      return `writeI53(writer, ${tag}, value, ${name});`;
    case 'timestamp':
      return `writeU64(writer, ${tag}, value, ${name});`;
  }
}

function presence(field: FieldPlan): string {
  switch (field.kind) {
    case 'message':
      return 'value !== undefined';
    case 'bytes':
    case 'string':
      return 'value !== undefined && value.length !== 0';
    case 'bool':
      return 'value === true';
    case 'timestamp':
      return 'value !== undefined && value !== 0n';
    default:
      return 'value !== undefined && value !== 0';
  }
}

function emitWrite(field: FieldPlan): string[] {
  const from = `message.${field.property}`;
  if (field.repeated && field.kind === 'u53') {
    const tag = tagOf(field, LENGTH_DELIMITED);
    return [
      `    if (${from} !== undefined && ${from}.length !== 0) {`,
      `      writePackedU53(writer, ${tag}, ${from}, '${field.fullName}');`,
      '    }',
    ];
  }
  if (field.repeated) {
    return [
      `    if (${from} !== undefined) {`,
      `      for (const value of ${from}) { ${writeOne(field)} }`,
      '    }',
    ];
  }
  return [
    '    {',
    `      const value = ${from};`,
    `      if (${presence(field)}) { ${writeOne(field)} }`,
    '    }',
  ];
}

function readOne(field: FieldPlan, target: string): string {
  switch (field.kind) {
    case 'bytes':
      return 'reader.bytes()';
    case 'string':
      return 'reader.stringVerify()';
    case 'bool':
      return 'reader.bool()';
    case 'u32':
      return 'reader.uint32()';
    case 'i32':
      return 'reader.int32()';
    case 'u53':
      return `readU53(reader, '${field.fullName}')`;
    case 'i53':
      return `readI53(reader, '${field.fullName}')`;
    case 'timestamp':
      return 'readU64(reader)';
    case 'message': {
      const into =
        target === '' ? `${field.message}.create()` : `${target} ?? ${field.message}.create()`;
      return `${field.message}.mergeFrom(${into}, reader, readEnd(reader, end, '${field.fullName}'), depth + 1)`;
    }
  }
}

function emitRead(field: FieldPlan): string[] {
  const target = `message.${field.property}`;
  const single = tagOf(field, isDelimited(field) ? LENGTH_DELIMITED : VARINT);
  const statement = field.repeated
    ? `${target}.push(${readOne(field, '')});`
    : `${target} = ${readOne(field, target)};`;
  const lines = [`        case ${single}:`, `          ${statement}`, '          break;'];
  if (field.repeated && !isDelimited(field)) {
    lines.push(
      `        case ${tagOf(field, LENGTH_DELIMITED)}:`,
      `          readPackedU53(reader, ${target}, end, '${field.fullName}');`,
      '          break;',
    );
  }
  return lines;
}

export function emitMessage(type: protobuf.Type, packageName: string): string[] {
  const { name } = type;
  const fields = type.fieldsArray
    .map((field) => planField(field, packageName))
    .sort((a, b) => a.number - b.number);
  const names = fields.map((field) => `[${field.number}, '${field.fullName.split('.').at(-1)}']`);
  return [
    ...docComment(type.comment),
    `export interface ${name} {`,
    ...fields.flatMap((field) => [
      ...docComment(field.comment, '  '),
      `  ${field.property}: ${tsType(field)};`,
    ]),
    '}',
    `export type ${name}Init = Init<${name}>;`,
    `export const ${name}: MessageCodec<${name}> = messageCodec<${name}>({`,
    `  name: '${packageName}.${name}',`,
    `  fields: new Map<number, string>([${names.join(', ')}]),`,
    ...emitCreate(name, fields),
    `  encodeTo(${fields.length === 0 ? '' : `message: Init<${name}>, writer: Writer`}): void {`,
    ...fields.flatMap(emitWrite),
    '  },',
    `  mergeFrom(message: ${name}, reader: Reader, end: number, depth: number): ${name} {`,
    `    checkDepth(depth, '${packageName}.${name}');`,
    '    while (reader.pos < end) {',
    '      const tag = reader.tag();',
    '      switch (tag) {',
    ...fields.flatMap(emitRead),
    '        default:',
    `          skipUnknown(reader, tag, depth, ${name});`,
    '      }',
    '    }',
    `    checkEnd(reader, end, '${packageName}.${name}');`,
    '    return message;',
    '  },',
    '});',
    '',
  ];
}
