import { join } from 'node:path'
import react from '@vitejs/plugin-react'
import { VitePWA } from 'vite-plugin-pwa'
import { defineConfig } from 'vitest/config'
import { fetchEarly, firstLab } from './src/cli/dev/first-lab.mjs'

// monaco-worker-manager still imports monaco's old deep paths, which monaco 0.57 exports without `esm/vs`.
const monacoDeepPaths = { find: /^monaco-editor\/esm\/vs\/(.*?)(?:\.js)?$/, replacement: 'monaco-editor/$1' }

// Nothing on the page interpolates colours.
const noColours = { find: /^d3-color$/, replacement: join(import.meta.dirname, 'src/ui/canvas/noColours.ts') }

export default defineConfig({
  plugins: [
    react(),
    firstLab('4.1-service-test.yaml'),
    fetchEarly('src/ui/page.tsx'),
    VitePWA({
      strategies: 'generateSW',
      registerType: 'prompt',
      injectRegister: false,
      manifest: {
        name: 'Kubehop',
        short_name: 'Kubehop',
        description: 'A Linux and Kubernetes network lab in a browser tab',
        display: 'standalone',
        start_url: '.',
      },
      workbox: {
        globPatterns: ['**/*.{html,js,css,json,yaml,svg,png,ico,woff2,ttf}'],
        maximumFileSizeToCacheInBytes: 16 * 1024 * 1024,
      },
    }),
  ],
  base: './',
  resolve: { alias: [monacoDeepPaths, noColours] },
  optimizeDeps: {
    include: [
      'monaco-editor/editor',
      'monaco-editor/features/register.all',
      'monaco-editor/languages/definitions/yaml/register',
      'monaco-yaml',
      'monaco-yaml/yaml.worker.js',
      'comlink',
    ],
  },
  worker: { format: 'es' },
  build: { target: 'es2023', chunkSizeWarningLimit: 4096, reportCompressedSize: true },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
    testTimeout: 30_000,
    maxWorkers: 2,
  },
})
