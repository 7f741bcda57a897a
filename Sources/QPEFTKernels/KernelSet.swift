internal import CQPKernels

/// The sets of kernels and the threads: the only global state of the library.
public enum KernelSet {
  /// Names of the sets that this processor supports, best first; the last is always `reference`.
  public static var supported: [String] {
    var names: [String] = []
    while let name = qp_kernel_set_name(names.count) { names.append(String(cString: name)) }
    return names
  }

  /// The set in use: the best one, or what the environment variable `QPEFT_KERNELS` names.
  public static var active: String { String(cString: qp_active_kernel_set()) }

  /// Whether that set multiplies bfloat16 numbers by instructions of their own (AVX-512 BF16).
  public static var multipliesBFloat16: Bool { qp_has_bf16() != 0 }

  /// Threads used by the kernels. Results do not depend on it.
  public static var threadCount: Int {
    get { qp_thread_count() }
    set { qp_set_thread_count(max(1, newValue)) }
  }
}
