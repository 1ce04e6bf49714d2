#!/bin/sh
# What the image build does, as a script, so that it can be run and tested without a container engine:
# installs, compiles and leaves in $1 only what the processes need at run time.
set -eu
target=${1:?usage: image-build.sh TARGET_FOLDER}
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$target"
target=$(CDPATH='' cd -- "$target" && pwd)

cd "$source"
node scripts/build.mjs

# Source maps and build state stay behind; the lock file says exactly what is installed.
mkdir -p "$target/dist"
(cd dist && tar -cf - --exclude=.tsbuildinfo --exclude=.sources.json --exclude=.build.lock --exclude='./dev' .) | tar -xf - -C "$target/dist"
cp package.json package-lock.json LICENSE "$target/" 2>/dev/null || cp package.json package-lock.json "$target/"
cp -R policies "$target/policies"

cd "$target"
npm ci --omit=dev --no-audit --no-fund --loglevel=warn
# Nothing of npm's own cache or of the build may end up in the image.
rm -rf "$target/node_modules/.cache"
for entry in dist/api/server.js dist/worker/main.js dist/worker/executor.js dist/worker/health.js dist/cli/main.js; do
  test -f "$entry" || { echo "image-build: $entry is missing" >&2; exit 1; }
  node --check "$entry"
done
echo "image-build: done, $(du -sm "$target" | cut -f1) MB in $target"
