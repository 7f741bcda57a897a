import QPEFT
import Testing

@Suite("Learning-rate schedules") struct ScheduleTests {
  // Values of transformers' get_*_schedule_with_warmup(optimizer, 2, 10), step by step.
  static let expected: [LearningRateSchedule: [Double]] = [
    .constant: [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    .linear: [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0],
    .cosine: [
      0, 0.5, 1, 0.9619397662556434, 0.8535533905932737, 0.6913417161825449, 0.5, 0.3086582838174552,
      0.14644660940672627, 0.03806023374435663, 0,
    ],
  ]

  @Test(arguments: LearningRateSchedule.allCases)
  func `factors are those of transformers`(schedule: LearningRateSchedule) throws {
    let expected = try #require(Self.expected[schedule])
    for (step, factor) in expected.enumerated() {
      #expect(abs(schedule.factor(step: step, warmup: 2, total: 10) - factor) < 1e-15, "step \(step)")
    }
    #expect(schedule.factor(step: 0, warmup: 0, total: 1) == 1)
  }
}
