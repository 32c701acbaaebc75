import { versionLine } from '@tinykv/server';

console.log(versionLine('tinykv-gateway'));
