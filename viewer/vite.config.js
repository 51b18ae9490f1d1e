import { defineConfig } from "vite";

// Below viewer/ of the bucket, wherever that is: so every address is relative.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../include/viewer",
    emptyOutDir: true,
    target: "es2022",
    assetsDir: "assets",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    license: { fileName: "licenses.md" },
  },
});
