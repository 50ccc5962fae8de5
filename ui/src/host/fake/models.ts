//! Models in the fake.

import type { ModelView } from '../../bindings/ModelView'
import type { ProviderOption } from '../../bindings/ProviderOption'
import type { Host } from '../host'
import { clone, type Tell, wireError } from './base'

const configured: ModelView[] = [
  { name: 'claude', provider: 'anthropic', baseUrl: 'https://api.anthropic.com', model: 'claude-sonnet-5-5', key: 'keychain', isDefault: false },
  { name: 'gpt', provider: 'openai', baseUrl: 'https://api.openai.com/v1', model: 'gpt-6-sol', key: 'missing', isDefault: true },
  { name: 'local', provider: 'ollama', baseUrl: 'http://127.0.0.1:11434', model: 'smollm2:1.7b', key: 'none', isDefault: false },
]

const providers: ProviderOption[] = [
  { name: 'openai', title: 'OpenAI and compatible', baseUrl: 'https://api.openai.com/v1', needsKey: true },
  { name: 'anthropic', title: 'Anthropic', baseUrl: 'https://api.anthropic.com', needsKey: true },
  { name: 'gemini', title: 'Google Gemini', baseUrl: 'https://generativelanguage.googleapis.com', needsKey: true },
  { name: 'ollama', title: 'Ollama', baseUrl: 'http://127.0.0.1:11434', needsKey: false },
]

export function fakeModels(tell: Tell) {
  let models = clone(configured)
  let defaultModel = 'gpt'
  return {
    defaultModel: () => defaultModel,
    host: {
      modelsList: async () => clone(models.map((m) => ({ ...m, isDefault: m.name === defaultModel }))),
      providersList: async () => clone(providers),
      async modelSave(original, input) {
        if (!input.model) throw wireError('invalid', 'Which model? Give the provider’s model id.')
        const before = models.find((m) => m.name === original)
        const view: ModelView = {
          name: input.name,
          provider: input.provider,
          baseUrl: input.baseUrl ?? providers.find((p) => p.name === input.provider)?.baseUrl ?? '',
          model: input.model,
          key: input.key.type === 'keep' ? (before?.key ?? 'missing') : input.key.type,
          isDefault: false,
        }
        models = before ? models.map((m) => (m === before ? view : m)) : [...models, view]
        tell('models')
      },
      async modelRemove(name) {
        models = models.filter((m) => m.name !== name)
        tell('models')
      },
      async modelSetDefault(name) {
        defaultModel = name
        tell('models')
        tell('status')
      },
      async modelTest(name) {
        const missing = models.find((m) => m.name === name)?.key === 'missing'
        return missing
          ? { ok: false, message: 'The model has no key. Edit it and give one.' }
          : { ok: true, message: 'It answered “ok” in 0.4 s.' }
      },
      findLocalModels: async () => [
        { title: 'Ollama', provider: 'ollama', baseUrl: 'http://127.0.0.1:11434', models: ['smollm2:1.7b', 'llama3.2:3b'] },
      ],
    } satisfies Partial<Host>,
  }
}
