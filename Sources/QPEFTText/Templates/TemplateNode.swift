/// An expression of a template, with its place for errors.
struct TemplateExpression: Sendable {
  indirect enum Form: Sendable {
    case literal(TemplateValue)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(TemplateExpression, TemplateExpression)])
    case attribute(TemplateExpression, String)
    case item(TemplateExpression, TemplateExpression)
    case slice(TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
    case call(TemplateExpression, TemplateArguments)
    case filter(TemplateExpression, String, TemplateArguments)
    case test(TemplateExpression, String, TemplateArguments, isNegated: Bool)
    case unary(String, TemplateExpression)
    case binary(String, TemplateExpression, TemplateExpression)
    case comparison(TemplateExpression, [(String, TemplateExpression)])
    case condition(TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
  }

  var form: Form
  var place: TemplatePlace
}

/// Arguments of a call as written.
struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(String, TemplateExpression)] = []
  /// `*values` and `**values`.
  var starred: TemplateExpression?
  var doubleStarred: TemplateExpression?
}

/// What a `set` or `for` gives a value to.
enum TemplateTarget: Sendable {
  case name(String)
  case attribute(String, String)
  case names([TemplateTarget])
}

/// A macro as written.
struct TemplateMacro: Sendable {
  var name: String
  var parameters: [(name: String, preset: TemplateExpression?)]
  var body: [TemplateNode]
  /// Which of `varargs`, `kwargs` and `caller` its body speaks of; without them, such arguments are refused.
  var implicit: Set<String>
}

/// A `for` as written.
struct TemplateFor: Sendable {
  var target: TemplateTarget
  var values: TemplateExpression
  var filter: TemplateExpression?
  var body: [TemplateNode]
  var otherwise: [TemplateNode]
  /// Whether `loop(items)` runs it again on other items.
  var isRecursive: Bool
}

/// A part of a template.
indirect enum TemplateNode: Sendable {
  case text(String, TemplatePlace)
  case output(TemplateExpression)
  case condition([(TemplateExpression, [TemplateNode])], otherwise: [TemplateNode])
  case loop(TemplateFor)
  case set(TemplateTarget, TemplateExpression, TemplatePlace)
  case setBlock(TemplateTarget, [(String, TemplateArguments)], [TemplateNode], TemplatePlace)
  case macro(TemplateMacro)
  case call(TemplateExpression, TemplateMacro)
  case filterBlock([(String, TemplateArguments)], [TemplateNode], TemplatePlace)
  case with([(TemplateTarget, TemplateExpression)], [TemplateNode], TemplatePlace)
  case generation([TemplateNode])
  /// `{% block %}`: its own names, in its place, as nothing extends the template.
  case block([TemplateNode])
  case leave, next
}
