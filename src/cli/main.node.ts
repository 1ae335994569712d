#!/usr/bin/env node
import process from 'node:process';
import '../node.node.ts';
import { processIo } from './io/io.node.ts';
import { main } from './program.ts';

process.exitCode = await main(process.argv.slice(2), processIo);
