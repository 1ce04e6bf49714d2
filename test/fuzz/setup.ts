console.log(`fuzz seed ${process.env['COUNTERSIGN_FUZZ_SEED'] ?? '0'}; COUNTERSIGN_FUZZ_SEED repeats it`);

/** Nothing to set up: it says once what a failed run is repeated with. */
export function setup(): void {}
