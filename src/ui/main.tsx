/** The page's first script: small, so that a worker that is wanted at once is on its way before everything else is. */
import { hasOwnWork, startEarly } from './client/early.ts'
import './theme/tokens.css'
import './theme/base.css'
import './frame/frame.css'

if (hasOwnWork()) startEarly()
void import('./page.tsx')
