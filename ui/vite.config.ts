import { readdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'

import { svelte } from '@sveltejs/vite-plugin-svelte'
import { svelteTesting } from '@testing-library/svelte/vite'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** Empties the output folder but for the placeholder that keeps it in the repository. */
function emptyOutput(): Plugin {
  let folder = ''
  return {
    name: 'empty-output',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir)
    },
    buildStart() {
      let entries: string[] = []
      try {
        entries = readdirSync(folder)
      } catch {
        return
      }
      for (const entry of entries) {
        if (entry !== '.gitkeep') rmSync(resolve(folder, entry), { recursive: true })
      }
    },
  }
}

// Three small pages that share chunks: the review window must paint fast, so it loads nothing of the others.
// `--mode fake` builds the same pages on the in-memory host, for screenshots and for looking at them in a browser.
export default defineConfig(({ mode }) => ({
  plugins: [svelte(), emptyOutput(), ...(mode === 'test' ? [svelteTesting()] : [])],
  base: './',
  server: { port: 5173, strictPort: true },
  build: {
    outDir: mode === 'fake' ? 'dist-fake' : 'dist',
    emptyOutDir: false,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: {
        review: resolve(import.meta.dirname, 'review.html'),
        audit: resolve(import.meta.dirname, 'audit.html'),
        settings: resolve(import.meta.dirname, 'settings.html'),
      },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.ts'],
    setupFiles: ['tests/setup.ts'],
    // For a machine that is busy with much else.
    testTimeout: 60_000,
  },
}))
