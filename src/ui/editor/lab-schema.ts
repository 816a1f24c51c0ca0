/**
 * JSON Schema of the lab file, for completion and hover: what src/lab reads of containerlab's topology, the Lesson, and
 * the cluster's documents (cluster-schema.ts).
 * A test holds the fields to the parser's. Mistakes themselves are found by the session's lint.
 */
import { clusterSchemas } from './cluster-schema.ts'

export interface Schema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'boolean'
  description?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema | false
  items?: Schema
  required?: string[]
  enum?: (string | number)[]
  const?: string
  pattern?: string
  anyOf?: Schema[]
  minItems?: number
  maxItems?: number
  minimum?: number
  maximum?: number
  examples?: string[]
  definitions?: Record<string, Schema>
}

const text = (description: string): Schema => ({ type: 'string', description })

const exec: Schema = {
  type: 'array',
  description: 'Commands run at boot, one after the other, as root in the machine.',
  items: text('A command: ip, bridge, sysctl, ping ...'),
}

const machineLabels: Schema = {
  type: 'object',
  description: 'Labels. Positions are containerlab’s own; the role is Kubehop’s.',
  properties: {
    'graph-posX': text('Place in the picture, a number as text.'),
    'graph-posY': text('Place in the picture, a number as text.'),
    'kubehop.dev/role': {
      type: 'string',
      description: 'How the machine is drawn.',
      enum: ['host', 'router', 'switch', 'internet'],
    },
    'kubehop.dev/node': {
      type: 'string',
      description: 'The machine is a node of the cluster.',
      enum: ['worker', 'control-plane'],
    },
  },
  additionalProperties: text('Any other label is kept.'),
}

const node: Schema = {
  type: 'object',
  description: 'A machine.',
  properties: {
    kind: {
      type: 'string',
      description: 'linux: a machine with namespaces and commands. bridge: a switch named like its bridge.',
      enum: ['linux', 'bridge'],
    },
    image: text('Container image. Kept for containerlab, not run here.'),
    exec,
    labels: machineLabels,
    'network-mode': { type: 'string', description: 'Only "none".', enum: ['none'] },
  },
  additionalProperties: false,
}

const link: Schema = {
  type: 'object',
  description: 'A cable between two machines.',
  properties: {
    endpoints: {
      type: 'array',
      description: 'Both ends: "MACHINE:INTERFACE".',
      items: { type: 'string', pattern: '^[^:]+:[^:]+$', examples: ['host1:eth1'] },
      minItems: 2,
      maxItems: 2,
    },
    mtu: { type: 'integer', description: 'MTU of both interfaces.', minimum: 68, maximum: 65535 },
    labels: {
      type: 'object',
      description: 'What the cable does to frames.',
      properties: {
        'kubehop.dev/latency': { ...text('Time to the other end: 20ms, 500us, 1s.'), examples: ['20ms'] },
        'kubehop.dev/loss': { ...text('Share of frames that are lost: 0% to 100%.'), examples: ['10%'] },
        'kubehop.dev/rate': { ...text('Bandwidth: 64kbit, 10mbit, 1gbit.'), examples: ['10mbit'] },
      },
      additionalProperties: text('Any other label is kept.'),
    },
  },
  required: ['endpoints'],
  additionalProperties: false,
}

const topologyDocument: Schema = {
  type: 'object',
  description: 'Machines and cables, as containerlab writes them.',
  properties: {
    name: text('The lab’s name.'),
    topology: {
      type: 'object',
      description: 'What there is.',
      properties: {
        nodes: { type: 'object', description: 'Machines by name.', additionalProperties: node },
        links: { type: 'array', description: 'Cables.', items: link },
        defaults: { ...node, description: 'What every node has.' },
        kinds: {
          type: 'object',
          description: 'What every node of a kind has.',
          properties: { linux: node, bridge: node },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
  },
  required: ['name', 'topology'],
  additionalProperties: false,
}

const words: Schema = {
  description: 'One text, or a text by language with "en" among them.',
  anyOf: [
    { type: 'string' },
    {
      type: 'object',
      properties: { en: text('English'), ru: text('Russian'), zh: text('Chinese') },
      additionalProperties: { type: 'string' },
    },
  ],
}

const oneOrMore: Schema = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }

const output: Schema = {
  description: 'A text that the output must contain, or tests of it.',
  anyOf: [
    { type: 'string' },
    {
      type: 'object',
      properties: {
        equals: text('The whole output.'),
        contains: { ...oneOrMore, description: 'Texts that must be there.' },
        lacks: { ...oneOrMore, description: 'Texts that must not be there.' },
        matches: { ...oneOrMore, description: 'Lines that must be there; * stands for anything.' },
      },
      additionalProperties: false,
    },
  ],
}

const placed = (description: string): Schema => ({
  type: 'string',
  description: `${description} "MACHINE: COMMAND" or "MACHINE/NETNS: COMMAND".`,
  pattern: '^[^:]+:(\\s|$)',
})

const check: Schema = {
  type: 'object',
  description: 'A command and what it must print.',
  properties: {
    id: text('Short name, once in the lesson.'),
    title: words,
    run: placed('The command.'),
    expect: {
      type: 'object',
      description: 'What is expected; without it, exit code 0.',
      properties: {
        exit: { type: 'integer', description: 'Exit code.', minimum: 0, maximum: 255 },
        stdout: output,
        stderr: output,
      },
      additionalProperties: false,
    },
    mends: placed('A command that makes the check pass; tests of labs run it.'),
  },
  required: ['id', 'run'],
  additionalProperties: false,
}

const lessonDocument: Schema = {
  type: 'object',
  description: 'What the lab teaches, types by itself and checks.',
  properties: {
    apiVersion: { type: 'string', const: 'kubehop.dev/v1', enum: ['kubehop.dev/v1'] },
    kind: { type: 'string', const: 'Lesson', enum: ['Lesson'] },
    metadata: { type: 'object', properties: { name: text('Name.') }, additionalProperties: false },
    spec: {
      type: 'object',
      properties: {
        title: { ...words, description: 'Title.' },
        chapter: text('Number in the library: "1.4".'),
        text: { ...words, description: 'What is to be learned. Paragraphs; `code` between backticks.' },
        seed: { type: 'integer', description: 'Seed of the run.', minimum: 0, maximum: 4_294_967_295 },
        ipv6: { type: 'boolean', description: 'IPv6 is on in the machines.' },
        questions: {
          type: 'array',
          items: {
            anyOf: [
              { type: 'string' },
              { type: 'object', properties: { text: words, answer: words }, additionalProperties: false },
            ],
          },
        },
        checks: { type: 'array', description: 'What a finished lab does.', items: check },
        start: {
          type: 'array',
          description: 'Commands typed in terminals when the lab is opened.',
          items: placed('A first command.'),
        },
      },
      additionalProperties: false,
    },
  },
  required: ['apiVersion', 'kind', 'spec'],
  additionalProperties: false,
}

/** A document is one of these, or a manifest (see `withKinds`). */
export const labSchema: Schema = { anyOf: [topologyDocument, lessonDocument, ...clusterSchemas] }
export const topologySchema = topologyDocument
export const lessonSchema = lessonDocument

/** The schema with a document for every kind of manifest; their references lead to its definitions. */
export function withKinds(
  schema: Schema,
  { definitions, kinds }: { definitions: Record<string, unknown>; kinds: unknown[] },
): Schema {
  return {
    definitions: definitions as Record<string, Schema>,
    anyOf: [...(schema.anyOf ?? []), ...(kinds as Schema[])],
  }
}
