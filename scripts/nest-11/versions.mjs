// What Nest 11 is, and where it is kept.
import { fileURLToPath } from 'node:url';

export const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/nest-11', import.meta.url));

export const VERSIONS = {
  '@nestjs/common': '11.2.10',
  '@nestjs/core': '11.2.10',
  '@nestjs/platform-express': '11.2.10',
  '@nestjs/terminus': '11.1.1',
  '@nestjs/testing': '11.2.6',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
};
