/** The list of the app's own labs: public/labs/index.json. */

export interface LabEntry {
  id: string
  file: string
  chapter: string
  title: Record<string, string>
  text?: Record<string, string>
}

/** The list, or the reason why it could not be had. */
export async function listLabs(): Promise<{ labs: LabEntry[]; error: string }> {
  try {
    const answer = await fetch('./labs/index.json')
    if (!answer.ok) return { labs: [], error: `${answer.status} labs/index.json` }
    const labs: unknown = await answer.json()
    return { labs: Array.isArray(labs) ? (labs as LabEntry[]) : [], error: '' }
  } catch (error) {
    return { labs: [], error: error instanceof Error ? error.message : String(error) }
  }
}

/** The text in this language, else in English, else in any. */
export function inLanguage(texts: Record<string, string> | undefined, language: string): string {
  if (!texts) return ''
  return texts[language] ?? texts[language.split('-')[0]!] ?? texts.en ?? Object.values(texts)[0] ?? ''
}
