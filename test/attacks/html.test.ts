/**
 * Attacks by HTML: no reference in a document is followed, and a document that is built to keep the reader busy is not
 * converted, as its verdict says.
 */

import { createServer, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { WARNINGS, type WarningCode } from '../../src/domain/mail.ts'
import { mixed, textPart } from '../unit/reading/material.ts'
import * as attack from './scene.ts'

/** Large originals are not forwarded here, where they would only be in the way. */
const ROOMY = { limits: { mail_size: 4_000_000, original: 20_000 } }
const NOT_CONVERTED = '[HTML part not converted]'

/** A document with every kind of reference that a program might follow; `url` gives a new address for each. */
function beacons(url: (name: string) => string): string {
  const css = (name: string): string =>
    `@import "${url(`${name}-import`)}"; @import url(${url(`${name}-import-url`)}); @font-face { font-family: f; src: url(${url(`${name}-font`)}) } body { background: url('${url(`${name}-background`)}'); content: url(${url(`${name}-content`)}) }`
  return `<!DOCTYPE html PUBLIC "-//X" "${url('doctype')}" [<!ENTITY e SYSTEM "${url('entity')}">]>
<?xml-stylesheet href="${url('stylesheet-instruction')}"?>
<html xmlns:xi="http://www.w3.org/2001/XInclude" manifest="${url('manifest')}"><head profile="${url('profile')}">
<base href="${url('base')}/"><meta http-equiv="refresh" content="0; url=${url('refresh')}">
<meta http-equiv="Link" content="<${url('meta-link')}>; rel=stylesheet">
<link rel="stylesheet" href="${url('stylesheet')}"><link rel="prefetch" href="${url('prefetch')}">
<link rel="dns-prefetch" href="${url('dns-prefetch')}"><link rel="icon" href="${url('icon')}">
<style>${css('style')}</style><script src="${url('script')}"></script>
<script>fetch("${url('fetch')}")</script></head>
<body background="${url('body')}" style="background: url(${url('attribute')})" onload="fetch('${url('onload')}')">${attack.ATTACK}
<img src="${url('img')}" srcset="${url('srcset')} 1x, ${url('srcset-2')} 2x" longdesc="${url('longdesc')}" lowsrc="${url('lowsrc')}">
<img src="cid:part@evil.example"><img src="/relative.png"><img src="//${url('x').replace(/^https?:\/\//, '')}">
<picture><source srcset="${url('source')}"></picture><video src="${url('video')}" poster="${url('poster')}"><track src="${url('track')}"></video>
<audio src="${url('audio')}"></audio><iframe src="${url('iframe')}" srcdoc="&lt;img src=${url('srcdoc')}&gt;"></iframe>
<frameset><frame src="${url('frame')}"></frameset><embed src="${url('embed')}"><object data="${url('object')}" codebase="${url('codebase')}"></object>
<applet code="${url('applet')}"></applet><input type="image" src="${url('input')}"><form action="${url('form')}"><button formaction="${url('formaction')}">x</button></form>
<svg><image href="${url('svg-image')}" xlink:href="${url('svg-xlink')}"/><use href="${url('svg-use')}#a"/><script href="${url('svg-script')}"/><style>${css('svg')}</style><foreignObject><img src="${url('svg-foreign')}"></foreignObject></svg>
<math href="${url('math')}"></math><table background="${url('table')}"><tr><td background="${url('cell')}">x</td></tr></table>
<xi:include href="${url('xinclude')}"/><a href="${url('link')}" ping="${url('ping')}">here</a><blockquote cite="${url('cite')}">q</blockquote>
<bgsound src="${url('bgsound')}"><div style="behavior: url(${url('behavior')}); list-style: url(${url('list')}); -moz-binding: url(${url('binding')})">z</div>
<v:fill src="${url('vml')}"/><!--[if mso]><img src="${url('conditional')}"><![endif]--></body></html>`
}

attack.describeAttacks('attacks by HTML', () => {
  let server: Server
  let base: string
  /** Every connection is counted, whatever it asks for. */
  const seen: string[] = []
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request.url ?? '')
      response.end('x')
    })
    server.on('connection', () => seen.push('a connection'))
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return async () => {
      server.close()
      await attack.cast.close()
    }
  })
  afterEach(() => {
    seen.length = 0
  })
  const htmlPart = (text: string): string => `Content-Type: text/html; charset=utf-8\r\n\r\n${text}`

  it('17 HTML bombs: nothing that a document refers to is fetched', async () => {
    await attack.openScene(ROOMY)
    const document = beacons((name) => `${base}/${name}`)
    const svg = `Content-Type: image/svg+xml\r\nContent-ID: <part@evil.example>\r\n\r\n<svg xmlns="http://www.w3.org/2000/svg"><image href="${base}/file"/></svg>`
    const style = `Content-Type: text/css\r\nContent-Location: ${base}/location\r\n\r\n@import "${base}/css-file";`
    const external = `Content-Type: message/external-body; access-type=URL; URL="${base}/external"\r\n\r\nContent-Type: text/html\r\n\r\n`
    const related = mixed([htmlPart(document), svg, style]).replace('mixed', 'related')
    const shapes = [
      htmlPart(document),
      htmlPart(document.replaceAll('\n', '')),
      related,
      mixed([textPart('words'), htmlPart(document), external]),
      mixed([textPart(' '), htmlPart(document)]).replace('mixed', 'alternative'),
      `Content-Type: application/xhtml+xml\r\n\r\n${document}`,
      `Content-Type: text/html\r\nContent-Base: ${base}/base-field\r\nContent-Location: ${base}/at\r\n\r\n${document}`
    ]
    for (const shape of shapes) {
      await attack.becomes('case-opened', attack.mail('mallory', shape))
      await attack.becomes('case-opened', await attack.sealedMail('mallory', shape))
    }
    // Proof that the server would have noticed: it notices this.
    expect(seen).toEqual([])
    await fetch(`${base}/asked`)
    expect(seen).toEqual(['a connection', '/asked'])
    const relays = await attack.scene.mailsTo('grace')
    expect(relays).toHaveLength(shapes.length * 2)
    for (const words of relays) {
      // The original goes along as a file; what the desk itself writes is plain text.
      const [own = ''] = words.split('Content-Type: message/rfc822')
      expect(own).not.toMatch(
        /^Content-Type: (?:text\/html|application\/xhtml)(?![^]*attachment)/im
      )
      expect(attack.relayOf(words).text).not.toContain('<img')
    }
    expect(
      relays.filter((words) => attack.relayOf(words).text.includes(attack.ATTACK)).length
    ).toBe(12)
  })

  /** Built to take time, each with its verdict. All of them are read, and none is converted beyond the budget. */
  const BOMBS: readonly (readonly [name: string, html: string, verdict: WarningCode])[] = [
    ['elements in one another', '<div>'.repeat(200_000), 'html-not-converted'],
    [
      'elements in one another, closed',
      `${'<b>'.repeat(30_000)}${'</b>'.repeat(30_000)}`,
      'html-not-converted'
    ],
    ['tables in one another', '<table><tr><td>'.repeat(20_000), 'html-not-converted'],
    ['lists in one another', '<ul><li>'.repeat(25_000), 'html-not-converted'],
    ['quotations in one another', '<blockquote>'.repeat(25_000), 'html-only'],
    ['links in one another', '<a href=x>'.repeat(19_000), 'html-only'],
    ['unfinished elements', '<'.repeat(250_000), 'html-not-converted'],
    ['elements beside one another', '<i>x</i>'.repeat(25_000), 'html-not-converted'],
    ['a comment without end', `<!--${'-'.repeat(250_000)}`, 'html-only'],
    ['an attribute without end', `<a href="${'x'.repeat(250_000)}`, 'html-only'],
    ['attributes without end', `<a ${'a=b '.repeat(100_000)}`, 'html-only'],
    ['references', '&'.repeat(250_000), 'html-only'],
    ['references by name', '&amp;'.repeat(100_000), 'html-only'],
    [
      'a cell over all columns',
      `<table><tr><td colspan=999999999 rowspan=999999999>${attack.ATTACK}`,
      'html-only'
    ],
    ['a list from a number', `<ol start=99999999999999999999><li>${attack.ATTACK}`, 'html-only'],
    ['blanks', `<p>${' '.repeat(250_000)}x`, 'html-only']
  ]

  it.each(BOMBS)('17 HTML bombs: %s', async (_name, html, verdict) => {
    await attack.openScene(ROOMY)
    await attack.becomes('case-opened', attack.mail('mallory', htmlPart(html)))
    await attack.becomes('case-opened', await attack.sealedMail('mallory', htmlPart(html)))
    await attack.nextIsServed()
    const relays = await attack.scene.mailsTo('grace')
    expect(relays.slice(0, 2).map((words) => verdictOf(words))).toEqual([verdict, verdict])
  })

  /** What the relay says about the conversion, in its own words or in place of the text. */
  function verdictOf(words: string): WarningCode | null {
    const { facts, text } = attack.relayOf(words)
    const said = facts.replaceAll(/\s+/g, ' ')
    if (said.includes(WARNINGS['html-not-converted'])) {
      return text.trim() === NOT_CONVERTED ? 'html-not-converted' : null
    }
    return said.includes(WARNINGS['html-only']) ? 'html-only' : null
  }
})
