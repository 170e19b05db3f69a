/** A temporary folder for every test of a file, made and removed around it. */
import { beforeEach } from 'vitest'
import { type TempFolder, tempFolder } from './temp.ts'

/** A new folder for every test of a file. */
export function useFolder(): { readonly path: string } {
  let folder: TempFolder
  beforeEach(() => {
    folder = tempFolder()
    return () => {
      folder.remove()
    }
  })
  return {
    get path() {
      return folder.path
    }
  }
}
