import Testing
import WalshTensor

@Suite("Tensor: a value that shares memory until it is written")
struct TensorTests {
  private let counting = Tensor((0..<12).map(Float.init), shape: [3, 4])

  @Test("Writing a copy leaves the original alone")
  func copy() {
    var copy = counting
    copy[1, 2] = -1
    #expect(counting[1, 2] == 6)
    #expect(copy[1, 2] == -1)
  }

  @Test("Writing the original leaves an earlier copy alone")
  func original() {
    var original = counting
    let copy = original
    original.withUnsafeMutableBufferPointer { $0.update(repeating: 9) }
    #expect(copy == counting)
    #expect(original == Tensor(shape: [3, 4], repeating: 9))
  }

  @Test("Writing a slice leaves the whole alone, and the slice keeps its other values")
  func slice() {
    var slice = counting.rows(1..<3)
    slice[0, 0] = -1
    #expect(counting[1, 0] == 4)
    #expect(slice == Tensor([-1, 5, 6, 7, 8, 9, 10, 11], shape: [2, 4]))
  }

  @Test("Writing the whole leaves a slice alone")
  func wholeUnderSlice() {
    var whole = counting
    let slice = whole.rows(2..<3)
    whole[2, 3] = -1
    #expect(slice.values == [8, 9, 10, 11])
  }

  @Test("Writing through a mutable span leaves reshaped and row views alone")
  func spans() {
    var whole = counting
    let flat = whole.reshaped(to: [12])
    let row = whole.row(1)
    var span = whole.mutableSpan
    for i in span.indices { span[i] = -span[i] }
    #expect(flat.values == (0..<12).map(Float.init))
    #expect(row == Tensor([4, 5, 6, 7]))
    #expect(whole.span[11] == -11)
    #expect(whole.span.count == 12)
  }

  @Test("A slice that outlives its whole is written in place and stays inside its range")
  func orphanedSlice() {
    var slice = Tensor((0..<12).map(Float.init), shape: [3, 4]).rows(1..<2)
    slice += Tensor([1, 1, 1, 1], shape: [1, 4])
    #expect(slice.values == [5, 6, 7, 8])
  }

  @Test("A tensor that nobody shares is written where it is; a shared one moves")
  func uniqueness() {
    func address(_ tensor: inout Tensor) -> UInt {
      tensor.withUnsafeMutableBufferPointer { UInt(bitPattern: $0.baseAddress) }
    }
    var tensor = Tensor.zeros([100])
    let first = address(&tensor)
    #expect(address(&tensor) == first)
    let copy = tensor
    #expect(address(&tensor) != first)
    #expect(copy.count == 100)
  }

  @Test("Memory is 64-byte aligned", arguments: [0, 1, 3, 1000])
  func alignment(count: Int) {
    let address = Tensor.zeros([count]).withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    #expect(address % 64 == 0)
  }

  @Test("Extents, rows and columns of scalars, vectors, empty and higher tensors")
  func shapes() {
    let scalar = Tensor([5], shape: [])
    #expect(scalar.rank == 0 && scalar.count == 1 && scalar.columns == 1 && scalar.rowCount == 1)
    #expect(scalar[] == 5)
    let cube = Tensor((0..<24).map(Float.init), shape: [2, 3, 4])
    #expect(cube.rowCount == 6 && cube.columns == 4 && cube.rank == 3)
    #expect(cube[1, 2, 3] == 23)
    #expect(cube.row(1).shape == [3, 4])
    #expect(cube.rows(1..<2).shape == [1, 3, 4])
    #expect(cube.row(1)[0, 1] == 13)
    let empty = Tensor([], shape: [0, 7])
    #expect(empty.count == 0 && empty.rowCount == 0 && empty.columns == 7 && empty.values.isEmpty)
    #expect(cube.rows(1..<1).count == 0)
  }

  @Test("Equality compares shapes and values: −0 equals 0, NaN nothing")
  func equality() {
    #expect(Tensor([0]) == Tensor([-0.0]))
    #expect(Tensor([1, 2]) != Tensor([1, 2], shape: [2, 1]))
    #expect(Tensor([1, 2]) != Tensor([1, 3]))
    let nan = Tensor([.nan])
    #expect(!(nan == nan))
    #expect(Tensor([], shape: [0, 3]) != Tensor([], shape: [3, 0]))
  }

  @Test("The identity, and a description that stays short")
  func identityAndDescription() {
    #expect(Tensor.identity(2).values == [1, 0, 0, 1])
    #expect(Tensor([1, 2.5]).description == "Tensor[2] [1.0, 2.5]")
    #expect(Tensor.zeros([3, 3]).description.hasSuffix("0.0, …]"))
  }

  @Test("Initialisation that throws passes its error on")
  func throwingInitializer() {
    struct Failure: Error {}
    #expect(throws: Failure.self) { try Tensor(shape: [3]) { _ in throw Failure() } }
  }

  @Test("Gathering takes rows in the order asked for, repeats included; stacking joins them")
  func gather() {
    #expect(counting.gatheringRows([2, 0, 2]).values == [8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11])
    #expect(counting.gatheringRows([]).shape == [0, 4])
    let stacked = Tensor.stackingRows([counting.rows(0..<1), counting.row(2), counting.rows(1..<1)])
    #expect(stacked == counting.gatheringRows([0, 2]))
    #expect(Tensor.stackingRows([]).shape == [0, 0])
  }

  @Test("Wrong shapes and indices stop the program")
  func preconditions() async {
    await #expect(processExitsWith: .failure) { _ = Tensor([1, 2, 3], shape: [2, 2]) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 2]).reshaped(to: [3]) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 2])[0, 2] }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 2]).rows(1..<3) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 2]).gatheringRows([2]) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).matmul(Tensor.zeros([2, 3])) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2]) + Tensor.zeros([3]) }
  }
}
