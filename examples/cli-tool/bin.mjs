#!/usr/bin/env node
import { main } from './tool.mjs';

process.exitCode = await main(process.argv.slice(2), process);
