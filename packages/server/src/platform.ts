/** False on a system that nothing here runs on, after saying so. */
export function isSupportedPlatform(program: string, platform: string = process.platform): boolean {
  if (platform !== 'win32') return true;
  process.stderr.write(`${program}: Windows is not supported; use Linux, macOS or WSL\n`);
  return false;
}
