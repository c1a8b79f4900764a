// Types and typed documents for TypeScript: `npx graphql-codegen --config codegen.ts`, with
// `@graphql-codegen/cli` and `@graphql-codegen/client-preset`.
import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "schema.graphql",
  documents: ["*.graphql"],
  generates: {
    "generated/": {
      preset: "client",
      config: {
        strictScalars: true,
        scalars: { Bytes: "number", Cursor: "string", Date: "string", DateTime: "string", JSON: "unknown" },
      },
    },
  },
};

export default config;
