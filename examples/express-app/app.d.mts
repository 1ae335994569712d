import type { Express } from 'express';

/** The application, and what ends its plug-ins behind the server's end. */
export declare function createApp(): Promise<{ readonly app: Express; close(): Promise<void> }>;
