#!/usr/bin/env node
import { runStoreServer } from '@tinykv/server';

process.exitCode = await runStoreServer(process.argv.slice(2));
