// `import QPEFT` is all that a user of the library writes.

@_exported public import QPEFTAdapters
@_exported public import QPEFTAutodiff
@_exported public import QPEFTFormats
@_exported public import QPEFTHub
@_exported public import QPEFTKernels
@_exported public import QPEFTLayers
@_exported public import QPEFTModels
@_exported public import QPEFTQuantization
@_exported public import QPEFTTensor
@_exported public import QPEFTText
@_exported public import QPEFTTraining
