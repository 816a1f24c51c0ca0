/** The page's first script: small, so that the worker is on its way before everything else is. */
import { startEarly } from './client/early.ts'
import './theme/tokens.css'
import './theme/base.css'
import './frame/frame.css'

startEarly()
void import('./page.tsx')
