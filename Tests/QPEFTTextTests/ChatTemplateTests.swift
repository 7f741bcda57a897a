import Foundation
import QPEFTText
import Testing

@Suite("Chat template errors and functions") struct ChatTemplateTests {
  static let bad: [(source: String, line: Int, column: Int)] = [
    ("{% if x %}", 1, 11), ("a\n  {{ 1 + }}", 2, 10), ("{% unknown %}", 1, 4), ("{{ 'a }}", 1, 4), ("{{ 1", 1, 1),
    ("{% for %}{% endfor %}", 1, 8), ("x {# y", 1, 3), ("{{ a..b }}", 1, 6), ("{% raw %}", 1, 10), ("{{ $ }}", 1, 4),
  ]

  @Test("what is not valid is refused with line and column", arguments: bad.indices)
  func syntax(index: Int) {
    let (source, line, column) = Self.bad[index]
    #expect {
      try ChatTemplate(source)
    } throws: { error in
      guard let error = error as? TemplateError else { return false }
      #expect(error.kind == .syntax)
      #expect((error.line, error.column) == (line, column), "\(source): \(error)")
      return true
    }
  }

  @Test(
    "what cannot be evaluated is an error with line and column",
    arguments: [
      "\n{{ x.y }}", "\n{{ 1 + 'a' }}", "\n{{ x() }}", "\n{{ 1 // 0 }}", "\n{{ 'a' | nothing }}",
      "\n{{ 1 is nothing }}",
      "\n{{ 9223372036854775807 + 1 }}", "\n{{ [1] < 2 }}", "\n{% for i in 5 %}{% endfor %}", "\n{{ x | tojson }}",
      "\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ])
  func evaluation(source: String) throws {
    let template = try ChatTemplate(source)
    #expect {
      try template.render([])
    } throws: { error in
      (error as? TemplateError)?.line == 2 && (error as? TemplateError)?.kind == .evaluation
    }
  }

  @Test("what a template raises comes out in its words")
  func raised() throws {
    let template = try ChatTemplate("{{ raise_exception('Roles must alternate') }}")
    #expect {
      try template.render([])
    } throws: { error in
      (error as? TemplateError)?.kind == .raised && (error as? TemplateError)?.reason == "Roles must alternate"
    }
  }

  @Test(
    "nesting and chains beyond all reason are refused, not followed",
    arguments: ["(", "[", "-", "not ", "{'a':", "1 + ", "a.", "x | f", "1 if "])
  func nesting(part: String) {
    let source = "{{ \(String(repeating: part, count: 50_000)) }}"
    #expect(throws: TemplateError.self) { try ChatTemplate(source) }
    let blocks = String(repeating: "{% if 1 %}", count: 50_000)
    #expect(throws: TemplateError.self) { try ChatTemplate(blocks) }
  }

  @Test(
    "what random templates found: as jinja answers",
    arguments: [
      ("{{ namespace(a=1).a }}|{{ namespace(b=[2]).b[0] }}", "1|2"), ("{{ \"it's 3.5 x_y -- z\"|wordcount }}", "6"),
      ("{{ 3|round }}|{{ 2.675|round(2) }}|{{ 2.5|round }}|{{ 3|round(1, 'floor') }}", "3|2.67|2.0|3.0"),
      ("[{{ 'ab'|center(7) }}]|[{{ 'abc'.center(6, '*') }}]", "[   ab  ]|[*abc**]"),
      (
        "{{ [1, 2, 3]|batch(2, 0)|list }}|{{ [1, 2, 3, 4]|slice(3, 'x')|list }}",
        "[[1, 2], [3, 0]]|[[1, 2], [3, 'x'], [4, 'x']]"
      ),
      ("{{ 2 * 'ab' }}|{{ +3 }}|{{ 'a'.isascii() }}", "abab|3|True"),
    ])
  func found(source: String, text: String) throws { #expect(try ChatTemplate(source).render([]).text == text) }

  @Test("what jinja refuses is refused", arguments: ["{{ +'a' }}", "{{ 3|indent }}", "{{ 'a' % 'b' }}", "{{ +x }}"])
  func refused(source: String) throws {
    let template = try ChatTemplate(source)
    #expect(throws: TemplateError.self) { try template.render([]) }
  }

  @Test("the time is given out as strftime formats it")
  func clock() throws {
    let template = try ChatTemplate("{{ strftime_now('%Y') }}")
    let date = Date(timeIntervalSince1970: 1_750_000_000)
    #expect(try template.render([], now: date).text == "2025")
  }

  @Test(
    "what grows beyond all reason is refused before it is there",
    arguments: [
      "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      "{{ 'a' * 9223372036854775807 }}", "{{ 'a'.expandtabs(100000) }}", "{{ '%999999d' % 1 }}",
      "{{ '{:999999999999}'.format(1) }}", "{{ 'a' | truncate(1, true, '...') }}",
      "{{ ('a' * 9999999) | replace('a', 'b' * 99) }}", "{{ ('a' * 9999999).replace('', 'bcdefghi') }}",
      "{{ ([''] * 999) | join('a' * 99999) }}", "{{ ('a' * 99999).join([''] * 999) }}",
      "{{ ('\\n' * 99999) | indent(1000) }}", "{{ 'a'.center(999999, 'b' * 9999999) }}", "{{ 'a'.ljust(9, 'bc') }}",
    ])
  func growing(source: String) throws {
    let template = try ChatTemplate(source)
    #expect(throws: TemplateError.self) { try template.render([]) }
  }

  @Test("a loop without end is stopped")
  func endless() throws {
    let source = """
      {% macro m(n) %}{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}{% endmacro %}\
      {{ m(1) }}
      """
    let template = try ChatTemplate(source)
    #expect(throws: TemplateError.self) { try template.render([]) }
  }
}
