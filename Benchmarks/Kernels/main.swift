// Kernels beside OpenBLAS and beside copying memory, in turns in one run, so that whatever else the machine does hits both.
//
//   swift run -c release KernelBenchmark [products] [blocks] [lowrank] [attention] [head] [streams]
//       [--one-core] [--bf16] [--tokens 1,8,64] [ROWSxCOLUMNS ...]
//   --one-core: one thread, timed by the processor's time it took, which other programs disturb little.
//   --bf16: products with operands rounded to bfloat16; what they are compared with, and the peak, stay those of floats.
//   QPEFT_KERNELS=avx2 OPENBLAS_CORETYPE=Haswell ...     AVX2 on both sides
//
// Ratios above 1: the kernel is faster than what it is compared with. Without a section named, all run.
internal import Foundation
internal import QPEFTKernels

let sections = ["products", "blocks", "lowrank", "attention", "head", "streams"]
var chosen: [String] = []
var shapes: [(Int, Int)] = []
var tokens = [1, 8, 64, 256, 512, 2048]
var inBFloat16 = false
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
  let sizes = argument.split(separator: "x").compactMap { Int($0) }
  if argument == "--one-core" {
    KernelSet.threadCount = 1
  } else if argument == "--bf16" {
    inBFloat16 = true
  } else if argument == "--tokens", let list = arguments.popFirst() {
    tokens = list.split(separator: ",").compactMap { Int($0) }.filter { $0 > 0 }
  } else if sections.contains(argument) {
    chosen.append(argument)
  } else if sizes.count == 2, sizes.allSatisfy({ $0 > 0 }) {
    shapes.append((sizes[0], sizes[1]))
  } else {
    print(
      "unknown: \(argument)\nusage: KernelBenchmark [\(sections.joined(separator: "] ["))] [--one-core]",
      terminator: " ")
    print("[--bf16] [--tokens 1,8,64] [ROWSxCOLUMNS ...]")
    exit(1)
  }
}
if chosen.isEmpty { chosen = sections }
if shapes.isEmpty { shapes = [(576, 1536), (2048, 5632), (4096, 4096), (11008, 4096), (4096, 11008)] }

let clock = TurnClock(countsThreadTime: KernelSet.threadCount == 1)
print("\(KernelSet.active) kernels, \(KernelSet.threadCount) threads")
if chosen.contains("products") { ProductBenchmark(clock: clock, tokens: tokens, inBFloat16: inBFloat16).run(shapes) }
if chosen.contains("blocks") { BlockBenchmark(clock: clock, tokens: tokens).run(shapes) }
if chosen.contains("lowrank") { LowRankBenchmark(clock: clock).run(shapes) }
if chosen.contains("attention") { AttentionBenchmark(clock: clock, inBFloat16: inBFloat16).run() }
if chosen.contains("head") { HeadBenchmark(clock: clock).run() }
if chosen.contains("streams") { StreamBenchmark(clock: clock).run() }
