import { describe, expect, it } from 'vitest';
import { checkStatusAddress, statusPlace } from './status-address.js';

describe('the address of a status page', () => {
  it('follows the port of the service, so that many fit on one machine', () => {
    const ports = ['127.0.0.1:20160', '127.0.0.1:20161', '0.0.0.0:20162', '[::1]:20163'];
    expect(ports.map((address) => statusPlace('auto', address, 20)?.address)).toEqual([
      '127.0.0.1:20180',
      '127.0.0.1:20181',
      '127.0.0.1:20182',
      '127.0.0.1:20183',
    ]);
    expect(statusPlace('auto', '127.0.0.1:0', 20)?.address).toBe('127.0.0.1:0');
  });

  it('is what the user says, and then must be had', () => {
    expect(statusPlace('10.0.0.1:9', '127.0.0.1:1', 20)).toEqual({
      address: '10.0.0.1:9',
      isOptional: false,
    });
    expect(statusPlace('auto', '127.0.0.1:1', 20)?.isOptional).toBe(true);
  });

  it('is none when it is turned off, or where no port is left', () => {
    expect(statusPlace('', '127.0.0.1:1', 20)).toBeUndefined();
    expect(statusPlace('auto', '127.0.0.1:65530', 20)).toBeUndefined();
  });

  it('takes auto, nothing, or an address', () => {
    expect([checkStatusAddress('auto'), checkStatusAddress('')]).toEqual([undefined, undefined]);
    expect(checkStatusAddress('atuo')).toContain('is not an address');
  });
});
