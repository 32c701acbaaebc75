import type protobuf from 'protobufjs';
import { docComment, emitMessage } from './emit-message.js';
import { reference } from './fields.js';
import type { ProtoFile } from './load.js';

const RUNTIME = [
  'checkDepth',
  'checkEnd',
  'readEnd',
  'readI53',
  'readPackedU53',
  'readU53',
  'readU64',
];
const RUNTIME_WRITE = [
  'skipUnknown',
  'writeI32',
  'writeI53',
  'writePackedU53',
  'writeU32',
  'writeU53',
  'writeU64',
];

function emitEnum(type: protobuf.Enum): string[] {
  return [
    ...docComment(type.comment),
    `export const ${type.name}: {`,
    ...Object.entries(type.values).map(([name, value]) => `  readonly ${name}: ${value};`),
    '} = {',
    ...Object.entries(type.values).map(([name, value]) => `  ${name}: ${value},`),
    '};',
    `export type ${type.name} = (typeof ${type.name})[keyof typeof ${type.name}];`,
    '',
  ];
}

function methodType(method: protobuf.Method, packageName: string): string {
  const types = [method.resolvedRequestType!, method.resolvedResponseType!];
  const parameters = types.map((type) => reference(type, packageName)).join(', ');
  if (!method.requestStream && method.responseStream) {
    throw new Error(`${method.fullName}: server streams are not supported`);
  }
  const kind = method.requestStream
    ? method.responseStream
      ? 'BidiMethod'
      : 'ClientStreamMethod'
    : 'UnaryMethod';
  return `${kind}<${parameters}>`;
}

function propertyOf(method: protobuf.Method): string {
  return method.name.charAt(0).toLowerCase() + method.name.slice(1);
}

function emitService(service: protobuf.Service, packageName: string): string[] {
  const path = `${packageName}.${service.name}`;
  return [
    ...docComment(service.comment),
    `export const ${service.name}: {`,
    ...service.methodsArray.flatMap((method) => [
      ...docComment(method.comment, '  '),
      `  readonly ${propertyOf(method)}: ${methodType(method, packageName)};`,
    ]),
    '} = {',
    ...service.methodsArray.flatMap((method) => [
      `  ${propertyOf(method)}: {`,
      `    service: '${path}',`,
      `    name: '${method.name}',`,
      `    path: '/${path}/${method.name}',`,
      `    request: ${reference(method.resolvedRequestType!, packageName)},`,
      `    response: ${reference(method.resolvedResponseType!, packageName)},`,
      `    clientStream: ${method.requestStream === true},`,
      `    serverStream: ${method.responseStream === true},`,
      '  },',
    ]),
    '};',
    '',
  ];
}

function importLine(
  names: readonly string[],
  module: string,
  body: string,
  isType: boolean,
): string[] {
  const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(body));
  if (used.length === 0) return [];
  return [`import ${isType ? 'type ' : ''}{ ${used.join(', ')} } from '${module}';`];
}

/** The .proto packages that a file refers to. */
function packagesOf(file: ProtoFile): string[] {
  const types = [
    ...file.messages.flatMap((type) => type.fieldsArray.map((field) => field.resolvedType)),
    ...file.services.flatMap((service) =>
      service.methodsArray.flatMap((method) => [
        method.resolvedRequestType,
        method.resolvedResponseType,
      ]),
    ),
  ];
  const names = types.flatMap((type) =>
    type === null || type === undefined || 'values' in type ? [] : [type.parent?.name ?? ''],
  );
  return [...new Set(names)].filter((name) => name !== file.packageName).sort();
}

export function generateFile(file: ProtoFile): string {
  const body = [
    ...file.enums.flatMap(emitEnum),
    ...file.messages.flatMap((type) => emitMessage(type, file.packageName)),
    ...file.services.flatMap((service) => emitService(service, file.packageName)),
  ].join('\n');
  const header = [
    `// Generated from proto/${file.packageName}.proto: do not edit.`,
    ...importLine(['EMPTY_BYTES'], '@tinykv/base', body, false),
    ...importLine(['Reader', 'Writer'], 'protobufjs/minimal.js', body, true),
    ...importLine(['Init', 'MessageCodec'], '../codec.js', body, true),
    ...importLine(['messageCodec'], '../codec.js', body, false),
    ...importLine(['BidiMethod', 'ClientStreamMethod', 'UnaryMethod'], '../method.js', body, true),
    ...importLine([...RUNTIME, ...RUNTIME_WRITE], '../wire.js', body, false),
    ...packagesOf(file).map((name) => `import * as ${name} from './${name}.js';`),
    '',
  ];
  return `${header.join('\n')}\n${body}`;
}
