"""Compiles the Kotlin code of ``docs/phones.md`` against stand-ins for Android and LiteRT.

    apt-get install kotlin
    python tools/compile_phone_code.py

finds wrong types, names and syntax without an Android SDK. The stand-ins repeat the signatures of
LiteRT 2.3.0 and Android that the code uses; they do not show that a phone runs it.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

GUIDE = Path(__file__).parent.parent / "docs" / "phones.md"

STAND_INS = {
    "android.content": """
class AssetManager
abstract class Context {
  abstract val assets: AssetManager
  abstract val applicationContext: Context
}
""",
    "android.graphics": """
class Bitmap {
  enum class Config { ARGB_8888 }
  val width = 0
  val height = 0
  val config: Config? = null
  fun copy(config: Config, isMutable: Boolean) = Bitmap()
  fun getPixels(
    pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int
  ) {}
  companion object {
    fun createBitmap(colors: IntArray, width: Int, height: Int, config: Config) = Bitmap()
    fun createBitmap(source: Bitmap, x: Int, y: Int, width: Int, height: Int) = Bitmap()
    fun createScaledBitmap(source: Bitmap, width: Int, height: Int, filter: Boolean) = Bitmap()
  }
}
""",
    "com.google.ai.edge.litert": """
import android.content.AssetManager
enum class Accelerator { CPU, GPU, NPU }
class LiteRtException(message: String) : Exception(message)
class TensorBuffer : AutoCloseable {
  fun writeFloat(data: FloatArray) {}
  fun readFloat() = FloatArray(0)
  override fun close() {}
}
class CompiledModel : AutoCloseable {
  class CpuOptions(val numThreads: Int? = null, val xnnPackFlags: Int? = null)
  class Options(vararg accelerators: Accelerator) { var cpuOptions: CpuOptions? = null }
  fun createInputBuffer(inputName: String, signature: String = "") = TensorBuffer()
  fun createOutputBuffer(outputName: String, signature: String = "") = TensorBuffer()
  fun run(
    inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String = ""
  ) {}
  override fun close() {}
  companion object {
    fun create(assets: AssetManager, name: String, options: Options) = CompiledModel()
  }
}
""",
    "org.tensorflow.lite": """
import java.io.File
class Tensor { fun shape() = IntArray(4) }
class Interpreter(file: File, options: Options) : AutoCloseable {
  class Options { fun setNumThreads(count: Int) = this }
  fun resizeInput(index: Int, shape: IntArray) {}
  fun allocateTensors() {}
  fun getOutputTensor(index: Int) = Tensor()
  fun run(input: Any, output: Any) {}
  override fun close() {}
}
""",
}


def main() -> int:
    """Returns the exit status of the compiler."""
    blocks = re.findall(r"```kotlin\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for package, code in STAND_INS.items():
            (place / f"{package}.kt").write_text(f"package {package}\n{code}")
        for number, block in enumerate(block for block in blocks if block.startswith("import")):
            (place / f"block{number}.kt").write_text(block)
        files = sorted(str(file) for file in place.glob("*.kt"))
        return subprocess.run(["kotlinc", "-nowarn", *files, "-d", str(place / "out")]).returncode


if __name__ == "__main__":
    sys.exit(main())
