#!/usr/bin/env node
import { runGatewayServer } from '../gateway/main.js';

process.exitCode = await runGatewayServer(process.argv.slice(2));
