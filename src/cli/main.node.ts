#!/usr/bin/env node
import process from 'node:process';
import { provideNode } from '../node.node.ts';
import { offerNative, offerNetwork } from '../parts.ts';
import { processIo } from './io/io.node.ts';
import { main } from './program.ts';

offerNative();
offerNetwork();
provideNode();
process.exitCode = await main(process.argv.slice(2), processIo);
