/** Images, documents, shapes, sound. */
const image = (width, height) => ({
  width,
  height,
  colorSpace: 'srgb',
  data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 7) % 256)),
});
const sum = (bytes) => [bytes.byteLength, new Uint8Array(bytes).reduce((sum, byte) => (sum * 31 + byte) >>> 0, 7)];
const PDF =
  '%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj 3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 50]/Contents 4 0 R>>endobj 4 0 obj<</Length 22>>stream\n1 0 0 rg 9 9 50 30 re f\nendstream endobj\ntrailer<</Root 1 0 R>>';

export const MEDIA = [
  {
    name: '@resvg/resvg-wasm',
    async load({ require, bytes }) {
      const { initWasm, Resvg } = require('@resvg/resvg-wasm');
      await initWasm(bytes('@resvg/resvg-wasm/index_bg.wasm'));
      return () =>
        sum(
          new Resvg(
            '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><circle cx="20" cy="15" r="9" fill="#369"/></svg>',
          )
            .render()
            .asPng(),
        );
    },
  },
  {
    name: '@jsquash/png',
    async load({ import: load, bytes }) {
      const { default: encode, init } = await load('@jsquash/png/encode.js');
      await init(await WebAssembly.compile(bytes('@jsquash/png/codec/pkg/squoosh_png_bg.wasm')));
      globalThis.ImageData ??= class {};
      return async () => sum(await encode(image(32, 20)));
    },
  },
  {
    name: '@jsquash/jpeg',
    async load({ import: load, bytes }) {
      const { default: encode, init } = await load('@jsquash/jpeg/encode.js');
      await init(await WebAssembly.compile(bytes('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm')));
      return async () => sum(await encode(image(32, 20)));
    },
  },
  {
    name: 'wasm-vips',
    async load({ require }) {
      const vips = await require('wasm-vips')();
      return () => vips.Image.black(20, 10).invert().avg();
    },
  },
  {
    name: '@img/sharp-wasm32',
    needs: ['@emnapi/runtime', '@img/sharp-wasm32'],
    async load({ require }) {
      return () => require('@img/sharp-wasm32/sharp.node').libvipsVersion();
    },
  },
  {
    name: '@ffmpeg/core',
    async load({ import: load, bytes }) {
      globalThis.self = globalThis;
      globalThis.location = new URL('file:///');
      const { default: createFFmpegCore } = await load('@ffmpeg/core');
      const core = await createFFmpegCore({ wasmBinary: bytes('@ffmpeg/core/wasm'), print: String });
      return () => {
        const wav = Buffer.alloc(44 + 800);
        wav.write('RIFF', 0);
        wav.writeUInt32LE(836, 4);
        wav.write('WAVEfmt ', 8);
        wav.writeUInt32LE(16, 16);
        wav.writeUInt32LE(0x10001, 20);
        wav.writeUInt32LE(8000, 24);
        wav.writeUInt32LE(16000, 28);
        wav.writeUInt32LE(0x100002, 32);
        wav.write('data', 36);
        wav.writeUInt32LE(800, 40);
        for (let i = 0; i < 400; i++) wav.writeInt16LE(Math.round(9000 * Math.sin(i / 5)), 44 + 2 * i);
        core.FS.writeFile('in.wav', wav);
        core.exec('-i', 'in.wav', '-ar', '4000', '-bitexact', '-f', 'wav', 'out.wav');
        return sum(core.FS.readFile('out.wav'));
      };
    },
  },
  {
    name: 'canvaskit-wasm',
    async load({ require, path }) {
      const kit = await require('canvaskit-wasm')({ locateFile: (file) => path(`canvaskit-wasm/bin/${file}`) });
      return () => {
        const surface = kit.MakeSurface(40, 30);
        const paint = new kit.Paint();
        paint.setColor(kit.Color(20, 90, 200));
        surface.getCanvas().drawCircle(20, 15, 9, paint);
        surface.flush();
        return sum(surface.makeImageSnapshot().encodeToBytes());
      };
    },
  },
  {
    name: 'draco3d',
    async load({ require, bytes }) {
      const draco = await require('draco3d').createDecoderModule({});
      return () => {
        const data = bytes('draco3d/bunny.drc');
        const buffer = new draco.DecoderBuffer();
        buffer.Init(new Int8Array(data), data.length);
        const mesh = new draco.Mesh();
        return [new draco.Decoder().DecodeBufferToMesh(buffer, mesh).ok(), mesh.num_faces(), mesh.num_points()];
      };
    },
  },
  {
    name: 'manifold-3d',
    async load({ import: load }) {
      const kit = await (await load('manifold-3d')).default();
      kit.setup();
      return () => kit.Manifold.cube([2, 2, 2]).subtract(kit.Manifold.sphere(1.2, 24)).volume();
    },
  },
  {
    name: '@dimforge/rapier3d-compat',
    async load({ require }) {
      const rapier = require('@dimforge/rapier3d-compat');
      await rapier.init();
      return () => {
        const world = new rapier.World({ x: 0, y: -9.81, z: 0 });
        const body = world.createRigidBody(rapier.RigidBodyDesc.dynamic().setTranslation(0, 10, 0));
        world.createCollider(rapier.ColliderDesc.cuboid(1, 1, 1), body);
        for (let i = 0; i < 50; i++) world.step();
        return body.translation();
      };
    },
  },
  {
    name: 'yoga-layout',
    async load({ import: load }) {
      const { default: yoga } = await load('yoga-layout');
      return () => {
        const [root, child] = [yoga.Node.create(), yoga.Node.create()];
        root.setWidth(100);
        root.setPadding(yoga.EDGE_ALL, 7);
        child.setFlexGrow(1);
        child.setHeight(20);
        root.insertChild(child, 0);
        root.calculateLayout(undefined, undefined, yoga.DIRECTION_LTR);
        return [root.getComputedLayout(), child.getComputedLayout()];
      };
    },
  },
  {
    name: 'harfbuzzjs',
    async load({ import: load }) {
      const harfbuzz = await load('harfbuzzjs');
      return () => [harfbuzz.versionString?.() ?? Object.keys(harfbuzz).sort()];
    },
  },
  {
    name: 'mupdf',
    async load({ import: load }) {
      const mupdf = await load('mupdf');
      return () => {
        const page = mupdf.Document.openDocument(Buffer.from(PDF), 'application/pdf').loadPage(0);
        return sum(page.toPixmap(mupdf.Matrix.identity, mupdf.ColorSpace.DeviceRGB, false).getPixels());
      };
    },
  },
  {
    name: '@hyzyla/pdfium',
    async load({ require, bytes }) {
      const library = await require('@hyzyla/pdfium').PDFiumLibrary.init({
        wasmBinary: bytes('@hyzyla/pdfium/dist/pdfium.wasm'),
      });
      return async () => {
        const page = (await library.loadDocument(Buffer.from(PDF))).getPage(0);
        return [page.getText(), page.getOriginalSize()];
      };
    },
  },
  {
    name: '@hpcc-js/wasm-graphviz',
    async load({ import: load }) {
      const graphviz = await (await load('@hpcc-js/wasm-graphviz')).Graphviz.load();
      return () => graphviz.dot('digraph { a -> b -> c; a -> c }');
    },
  },
  {
    name: '@viz-js/viz',
    async load({ import: load }) {
      const viz = await (await load('@viz-js/viz')).instance();
      return () => viz.renderString('digraph { a -> b -> c; a -> c }', { format: 'svg' });
    },
  },
  {
    name: 'zxing-wasm',
    async load({ import: load, bytes }) {
      const zxing = await load('zxing-wasm/full');
      await zxing.prepareZXingModule({
        overrides: { wasmBinary: bytes('zxing-wasm/dist/full/zxing_full.wasm') },
        fireImmediately: true,
      });
      return async () => (await zxing.writeBarcode('hello', { format: 'QRCode' })).svg;
    },
  },
  {
    name: 'mediainfo.js',
    async load({ import: load }) {
      const info = await (await load('mediainfo.js')).default({ format: 'object' });
      return () => {
        const wav = Buffer.from(
          'RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\0\0\0\0',
          'latin1',
        );
        return info.analyzeData(
          () => wav.length,
          (size, offset) => wav.subarray(offset, offset + size),
        );
      };
    },
  },
  {
    name: 'onnxruntime-web',
    async load({ require }) {
      const ort = require('onnxruntime-web');
      ort.env.wasm.numThreads = 1;
      const bytes = (number, ...inside) => [8 * number + 2, inside.flat().length, ...inside.flat()];
      const text = (number, value) => bytes(number, ...Buffer.from(value));
      const value = (number, name) =>
        bytes(number, text(1, name), bytes(2, bytes(1, [8, 1], bytes(2, bytes(1, [8, 3])))));
      const node = bytes(1, text(1, 'x'), text(1, 'x'), text(2, 'y'), text(4, 'Add'));
      // y = x + x: the version of the format, the graph, the version of the operators.
      const model = Uint8Array.from(
        [8, 8, bytes(7, node, text(2, 'g'), value(11, 'x'), value(12, 'y')), bytes(8, [16, 13])].flat(),
      );
      const session = await ort.InferenceSession.create(model);
      return async () => [...(await session.run({ x: new ort.Tensor('float32', [1, 2, 3], [3]) })).y.data];
    },
  },
  {
    name: '@uswriting/exiftool',
    async load({ import: load }) {
      const { parseMetadata } = await load('@uswriting/exiftool');
      return async () =>
        (
          await parseMetadata(
            { name: 'a.pdf', data: new Uint8Array(Buffer.from(PDF)) },
            { args: ['-MIMEType', '-json'] },
          )
        ).data;
    },
  },
  {
    name: 'excelize-wasm',
    async load({ require, path }) {
      const { init } = require('excelize-wasm');
      const excelize = await init(path('excelize-wasm/excelize.wasm.gz'));
      return () => {
        const file = excelize.NewFile();
        file.SetCellValue('Sheet1', 'A1', 20);
        file.SetCellFormula('Sheet1', 'A2', 'A1*2+2');
        return file.CalcCellValue('Sheet1', 'A2');
      };
    },
  },
  {
    name: 'pandoc-wasm',
    async load({ import: load }) {
      const { convert } = await load('pandoc-wasm');
      return async () => (await convert({ from: 'markdown', to: 'html' }, '# A\n\n*b* `c`\n', {})).stdout;
    },
  },
  ...['webp', 'avif', 'jxl'].map((format) => ({
    name: `@jsquash/${format}`,
    async load({ import: load, bytes }) {
      const { default: encode, init } = await load(`@jsquash/${format}/encode.js`);
      await init(await WebAssembly.compile(bytes(`@jsquash/${format}/codec/enc/${format}_enc.wasm`)));
      return async () => sum(await encode(image(16, 16)));
    },
  })),
  {
    name: '@techstark/opencv-js',
    async load({ require }) {
      const cv = require('@techstark/opencv-js');
      await new Promise((resolve) => {
        cv.onRuntimeInitialized = resolve;
      });
      return () => {
        const result = new cv.Mat();
        cv.threshold(cv.matFromArray(2, 2, cv.CV_8UC1, [1, 2, 3, 4]), result, 2, 255, cv.THRESH_BINARY);
        return [...result.data];
      };
    },
  },
  {
    name: '@imagemagick/magick-wasm',
    async load({ import: load, bytes }) {
      const { ImageMagick, initializeImageMagick, MagickColor, MagickFormat } = await load('@imagemagick/magick-wasm');
      await initializeImageMagick(bytes('@imagemagick/magick-wasm/magick.wasm'));
      const png = (picture) => picture.write(MagickFormat.Png, (data) => sum(data.slice().buffer));
      return () => ImageMagick.read(new MagickColor(255, 0, 0), 8, 8, png);
    },
  },
  {
    name: 'tesseract.js-core',
    async load({ require, bytes }) {
      const { TessBaseAPI } = await require('tesseract.js-core/tesseract-core-simd-lstm.js')({
        wasmBinary: bytes('tesseract.js-core/tesseract-core-simd-lstm.wasm'),
      });
      return () => new TessBaseAPI().Version();
    },
  },
  {
    name: 'libheif-js',
    async load({ require }) {
      const libheif = await require('libheif-js/wasm-bundle');
      return () => libheif.heif_get_version();
    },
  },
  {
    name: '@silvia-odwyer/photon-node',
    async load({ require }) {
      const { grayscale, PhotonImage } = require('@silvia-odwyer/photon-node');
      return () => {
        const picture = new PhotonImage(new Uint8Array(image(8, 8).data), 8, 8);
        grayscale(picture);
        return sum(picture.get_raw_pixels().slice().buffer);
      };
    },
  },
  {
    name: 'opus-decoder',
    async load({ import: load }) {
      const { OpusDecoder } = await load('opus-decoder');
      const decoder = new OpusDecoder();
      await decoder.ready;
      return () => decoder.decodeFrame(Uint8Array.of(0xfc, 0xff, 0xfe)).samplesDecoded;
    },
  },
  {
    name: 'web-ifc',
    async load({ require }) {
      const api = new (require('web-ifc').IfcAPI)();
      await api.Init();
      return () => [api.GetVersion(), api.CreateModel({ schema: 'IFC4' })];
    },
  },
  {
    name: 'occt-import-js',
    async load({ require }) {
      const { ReadStepFile } = await require('occt-import-js')();
      return () => ReadStepFile(Buffer.from('ISO-10303-21;'), null).success;
    },
  },
];
