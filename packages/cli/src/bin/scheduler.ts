#!/usr/bin/env node
import { runSchedulerServer } from '@tinykv/server';

process.exitCode = await runSchedulerServer(process.argv.slice(2));
