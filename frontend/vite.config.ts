import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  // Relative to the importing file, so the build works under any STATIC_URL.
  base: './',
  worker: { format: 'es' },
  resolve: {
    // vtk.js reaches xmlbuilder2 -> node "events", which builds but dies at load. Nothing here reads XML.
    alias: { xmlbuilder2: local('./src/stubs/xmlbuilder2.ts') },
  },
  build: {
    target: 'es2022',
    // Not in a dot-folder: collectstatic skips those.
    manifest: 'manifest.json',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    rollupOptions: {
      input: {
        viewer: local('./src/viewer/main.ts'),
        worklist: local('./src/pages/worklist.ts'),
        upload: local('./src/pages/upload.ts'),
        site: local('./src/pages/site.ts'),
      },
    },
  },
});
