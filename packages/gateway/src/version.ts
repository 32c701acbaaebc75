/** The Redis whose commands and texts the gateway follows. */
export const REDIS_VERSION = '7.0.15';
export const TINYKV_VERSION = '0.1.0';
