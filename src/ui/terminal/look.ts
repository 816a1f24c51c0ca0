/** The terminal's colours, face and size from the page's tokens. */
import type { ITerminalOptions, ITheme } from '@xterm/xterm'

/** ANSI colours; xterm moves them where they would be too faint on the background. */
const LIGHT: ITheme = {
  black: '#1d1f21',
  red: '#b3261e',
  green: '#1c6b3c',
  yellow: '#7a4f00',
  blue: '#0b62b0',
  magenta: '#8a3d77',
  cyan: '#0b6f78',
  white: '#54575a',
  brightBlack: '#6a6d70',
  brightRed: '#c23b32',
  brightGreen: '#23814a',
  brightYellow: '#8f6000',
  brightBlue: '#1c75c6',
  brightMagenta: '#a8518a',
  brightCyan: '#0f8590',
  brightWhite: '#1d1f21',
}
const DARK: ITheme = {
  black: '#25292c',
  red: '#ff9a8f',
  green: '#7fd3a0',
  yellow: '#f0c060',
  blue: '#6fb7f0',
  magenta: '#d792bd',
  cyan: '#6fd0d8',
  white: '#c9ccca',
  brightBlack: '#8a9197',
  brightRed: '#ffb3ab',
  brightGreen: '#a0e4ba',
  brightYellow: '#f7d68e',
  brightBlue: '#9bcdf6',
  brightMagenta: '#e8b6d5',
  brightCyan: '#9be2e8',
  brightWhite: '#ffffff',
}

export function terminalLook(): ITerminalOptions {
  const style = getComputedStyle(document.documentElement)
  const token = (name: string) => style.getPropertyValue(name).trim()
  const scale = Number(token('--scale')) || 1
  const dark = document.documentElement.dataset.theme === 'dark'
  return {
    fontFamily: token('--mono'),
    fontSize: Math.round(13 * scale),
    lineHeight: 1.2,
    theme: {
      ...(dark ? DARK : LIGHT),
      background: token('--panel'),
      foreground: token('--ink'),
      cursor: token('--accent'),
      cursorAccent: token('--panel'),
      selectionBackground: token('--accent-soft'),
      selectionInactiveBackground: token('--hover'),
    },
  }
}

/** Calls `changed` when theme or size change; answers how to stop. */
export function onLook(changed: () => void): () => void {
  const observer = new MutationObserver(changed)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme', 'data-present'] })
  return () => observer.disconnect()
}
