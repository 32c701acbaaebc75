import { readFileSync } from 'node:fs';
import type protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { loadProtoFiles, PROTO_DIR, type ProtoFile } from '../scripts/load.js';
import * as proto from '../src/index.js';
import { TIMESTAMP_FIELDS } from '../src/timestamps.js';
import { allCodecs } from './codecs.js';

/** Numbers above this one are ours. */
const TINYKV_FIELD_MAX = 100;

const fixture = new URL('../testdata/wire-table.txt', import.meta.url);
const table = readFileSync(fixture, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

const files = loadProtoFiles(PROTO_DIR);
const ours = files.filter(
  (file) => file.packageName.startsWith('tinykv') && file.packageName !== 'tinykvpb',
);
const theirs = files.filter((file) => !ours.includes(file));
const messages = theirs.flatMap((file) => file.messages);

function typeName(type: protobuf.ReflectionObject | null, packageName: string): string {
  const owner = type?.parent?.name;
  return owner === packageName ? type!.name : `${owner}.${type!.name}`;
}

function describeField(field: protobuf.Field, packageName: string): string {
  const type = field.resolvedType === null ? field.type : typeName(field.resolvedType, packageName);
  return `${field.name}=${field.id} ${field.repeated ? 'R ' : ''}${type}`;
}

function tinykvFields(type: protobuf.Type): protobuf.Field[] {
  return type.fieldsArray.filter((field) => field.id <= TINYKV_FIELD_MAX);
}

function describeFile(file: ProtoFile): string[] {
  const { packageName } = file;
  const stream = (on: boolean | undefined): string => (on ? 'stream ' : '');
  const fullName = (type: protobuf.Type | null): string => typeName(type, '');
  return [
    ...file.messages.map((type) => {
      const fields = tinykvFields(type).sort((a, b) => a.id - b.id);
      return `message ${packageName}.${type.name}: ${fields.map((field) => describeField(field, packageName)).join(', ')}`;
    }),
    ...file.enums.map((type) => {
      const values = Object.entries(type.values)
        .filter(([, value]) => value <= TINYKV_FIELD_MAX)
        .map(([name, value]) => `${name}=${value}`);
      return `enum ${packageName}.${type.name}: ${values.join(', ')}`;
    }),
    ...file.services.flatMap((service) =>
      service.methodsArray.map(
        (method) =>
          `rpc ${packageName}.${service.name}.${method.name}: ` +
          `${stream(method.requestStream)}${fullName(method.resolvedRequestType)} -> ` +
          `${stream(method.responseStream)}${fullName(method.resolvedResponseType)}`,
      ),
    ),
  ];
}

describe('the .proto files', () => {
  test('declare what TinyKV declares, number by number', () => {
    expect(theirs.flatMap(describeFile).sort()).toEqual([...table].sort());
  });

  test('have the totals of TinyKV', () => {
    expect(theirs.map((file) => file.packageName)).toHaveLength(9);
    expect(messages).toHaveLength(138);
    expect(messages.flatMap(tinykvFields)).toHaveLength(373);
    expect(theirs.flatMap((file) => file.enums)).toHaveLength(11);
    const services = theirs.flatMap((file) => file.services);
    expect(services.map((service) => service.fullName).sort()).toEqual([
      '.schedulerpb.Scheduler',
      '.tinykvpb.TinyKv',
    ]);
    expect(services.flatMap((service) => service.methodsArray)).toHaveLength(35);
  });

  test('pack every repeated number, as proto3 does', () => {
    const numbers = files
      .flatMap((file) => file.messages.flatMap((type) => type.fieldsArray))
      .filter((field) => field.repeated && field.type === 'uint64');
    expect(numbers.map((field) => field.fullName).sort()).toEqual([
      '.eraftpb.ConfState.nodes',
      '.raft_cmdpb.SplitRequest.new_peer_ids',
      '.schedulerpb.AskSplitResponse.new_peer_ids',
      '.schedulerpb.SplitID.new_peer_ids',
      '.schedulerpb.StoreStats.damaged_peer_ids',
    ]);
    expect(numbers.every((field) => field.packed)).toBe(true);
  });

  test('add fields and values of ours only above 100, and only these', () => {
    const added = messages.flatMap((type) =>
      type.fieldsArray
        .filter((field) => field.id > TINYKV_FIELD_MAX)
        .map((field) => `${type.fullName.slice(1)}.${describeField(field, type.parent!.name)}`),
    );
    expect(added.sort()).toMatchSnapshot();
    const values = theirs.flatMap((file) =>
      file.enums.flatMap((type) =>
        Object.entries(type.values)
          .filter(([, value]) => value > TINYKV_FIELD_MAX)
          .map(([name, value]) => `${type.fullName.slice(1)}.${name}=${value}`),
      ),
    );
    expect(values.sort()).toMatchSnapshot();
  });
});

describe('the generated code', () => {
  test('has a codec for every message, with its field numbers', () => {
    const declared = files
      .flatMap((file) => file.messages)
      .map((type) => [
        type.fullName.slice(1),
        type.fieldsArray.map((field) => `${field.id} ${field.name}`).sort(),
      ]);
    const generated = allCodecs.map((codec) => [
      codec.name,
      [...codec.fields].map(([number, name]) => `${number} ${name}`).sort(),
    ]);
    expect(new Map(generated as [string, string[]][])).toEqual(
      new Map(declared as [string, string[]][]),
    );
  });

  test('has every rpc with its path, messages and stream kinds', () => {
    const stream = (on: boolean): string => (on ? 'stream ' : '');
    const generated = proto.allMethods.map(
      (method) =>
        `rpc ${method.service}.${method.name}: ${stream(method.clientStream)}${method.request.name} -> ` +
        `${stream(method.serverStream)}${method.response.name}`,
    );
    const declared = files.flatMap(describeFile).filter((line) => line.startsWith('rpc '));
    expect(generated.sort()).toEqual(declared.sort());
    for (const method of proto.allMethods)
      expect(method.path).toBe(`/${method.service}/${method.name}`);
  });

  test('has the enum values', () => {
    expect(proto.eraftpb.MessageType.MsgTimeoutNow).toBe(12);
    const packages: Record<string, object> = { ...proto };
    for (const file of files) {
      const values = Object.fromEntries(file.enums.map((type) => [type.name, type.values]));
      expect(packages[file.packageName]).toMatchObject(values);
    }
  });
});

describe('the table of timestamps', () => {
  const u64 = files
    .flatMap((file) => file.messages.flatMap((type) => type.fieldsArray))
    .filter((field) => field.type === 'uint64')
    .map((field) => field.fullName.slice(1));

  test('names u64 fields that exist', () => {
    for (const name of TIMESTAMP_FIELDS) expect(u64).toContain(name);
  });

  test('names every u64 field that is called like a timestamp', () => {
    const alike = u64.filter((name) => /version$|_ts$|safe_point$/.test(name));
    expect(alike.filter((name) => !TIMESTAMP_FIELDS.has(name))).toEqual([
      'metapb.RegionEpoch.version',
    ]);
  });
});

describe('numbers of batched methods', () => {
  test('cover the unary methods of TinyKv and Txn and no other', () => {
    const unary = [proto.tinykvpb.TinyKv, proto.tinykvtxn.Txn]
      .flatMap((service) => Object.values(service))
      .filter((method) => !method.clientStream);
    expect(unary).toHaveLength(28);
    for (const method of unary) {
      const number = proto.batchNumber(method as (typeof proto.allMethods)[number])!;
      expect(proto.batchMethod(number)).toBe(method);
    }
    expect(proto.batchMethod(0)).toBeUndefined();
    expect(proto.batchMethod(25)).toBeUndefined();
    expect(proto.batchNumber(proto.tinykvpb.TinyKv.raft)).toBeUndefined();
    expect(proto.batchNumber(proto.schedulerpb.Scheduler.tso)).toBeUndefined();
  });
});
