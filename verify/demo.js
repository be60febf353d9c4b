// The network of theory.Weights in plain JavaScript, and the panel that plays with it.
// decode(model) -> network; begin(network, context) -> caches; say(network, caches, x) -> number.
"use strict";

const ICL = (() => {
  function floats(text) {
    const raw = typeof atob === "function" ? atob(text) : Buffer.from(text, "base64").toString("latin1");
    const bytes = Uint8Array.from(raw, (c) => c.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  // Every {"array": base64} becomes a Float32Array; the rest is kept.
  function decode(value) {
    if (Array.isArray(value)) return value.map(decode);
    if (value === null || typeof value !== "object") return value;
    if ("array" in value) return floats(value.array);
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decode(v)]));
  }

  function erf(x) {
    // Maclaurin series where it is accurate, else 1 - a continued fraction of erfc
    const a = Math.abs(x);
    if (a > 6) return Math.sign(x);
    if (a < 2.5) {
      let term = a, sum = a;
      for (let n = 1; n < 60; n++) {
        term *= -a * a / n;
        sum += term / (2 * n + 1);
      }
      return Math.sign(x) * sum * 2 / Math.sqrt(Math.PI);
    }
    let tail = 0;
    for (let n = 60; n > 0; n--) tail = n / 2 / (a + tail);
    return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + tail) * Math.sqrt(Math.PI)));
  }

  const sigmoid = (u) => 1 / (1 + Math.exp(-u));
  const ACTIVATIONS = {
    relu: (u) => Math.max(u, 0),
    silu: (u) => u * sigmoid(u),
    gelu: (u) => u * (1 + erf(u / Math.SQRT2)) / 2,
    gelu_tanh: (u) => u * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u ** 3))) / 2,
  };

  function normed(norm, h) {
    if (norm.kind === "none") return h;
    const d = h.length, out = new Float64Array(d);
    if (norm.kind === "dyt") {
      for (let i = 0; i < d; i++) out[i] = norm.gamma[i] * Math.tanh(norm.alpha * h[i]) + norm.beta[i];
      return out;
    }
    const mean = norm.kind === "layernorm" ? h.reduce((s, v) => s + v, 0) / d : 0;
    let square = 0;
    for (let i = 0; i < d; i++) square += (h[i] - mean) ** 2;
    const root = Math.sqrt(square / d + norm.eps);
    for (let i = 0; i < d; i++) {
      out[i] = norm.gamma[i] * (root > 0 ? (h[i] - mean) / root : 0) + norm.beta[i];
    }
    return out;
  }

  // W u + b, W row by row
  function affine(weight, bias, u) {
    const rows = bias.length, columns = u.length, out = new Float64Array(rows);
    for (let r = 0, k = 0; r < rows; r++) {
      let sum = bias[r];
      for (let c = 0; c < columns; c++, k++) sum += weight[k] * u[c];
      out[r] = sum;
    }
    return out;
  }

  function mixing(block, scores) {
    if (block.score === "linear") return scores;
    if (block.score === "sigmoid") return scores.map(sigmoid);
    if (block.score === "ssa") {
      const [b, n] = block.ssa;
      scores = scores.map((s) => n * Math.sign(s) * Math.log1p(b * Math.abs(s)));
    }
    const top = Math.max(...scores);
    const raw = scores.map((s) => block.score === "hardmax" ? Number(s === top) : Math.exp(s - top));
    const total = raw.reduce((s, v) => s + v, 0);
    return raw.map((v) => v / total);
  }

  // What the attention adds for input u; keys and values of earlier tokens are in the cache.
  function attend(block, u, cache) {
    const q = affine(block.query, block.query_bias, u);
    cache.keys.push(affine(block.key, block.key_bias, u));
    cache.values.push(affine(block.value, block.value_bias, u));
    const width = q.length / block.heads, mixed = new Float64Array(q.length);
    for (let h = 0; h < block.heads; h++) {
      const from = h * width, to = from + width;
      const scores = cache.keys.map((k) => {
        let sum = 0;
        for (let i = from; i < to; i++) sum += q[i] * k[i];
        return sum / Math.sqrt(width);
      });
      const weights = mixing(block, scores);
      cache.values.forEach((v, j) => {
        for (let i = from; i < to; i++) mixed[i] += weights[j] * v[i];
      });
    }
    return affine(block.output, block.output_bias, mixed);
  }

  // Reads one more token; the caches grow by one entry a layer.
  function step(model, caches, token) {
    const d = model.read_in.length, position = caches.length, add = (a, b) => a.map((v, i) => v + b[i]);
    let h = Float64Array.from({ length: d }, (_, i) =>
      token * model.read_in[i] + model.read_in_bias[i] + model.positions[position * d + i]);
    model.blocks.forEach((block, index) => {
      const u = model.post_norm ? h : normed(block.norm, h);
      let change;
      if (block.kind === "attention") {
        change = attend(block, u, caches.layers[index]);
      } else {
        const hidden = affine(block.up, block.up_bias, u).map(ACTIVATIONS[block.activation]);
        change = affine(block.down, block.down_bias, hidden);
      }
      h = model.residual ? add(h, change) : change;
      if (model.post_norm) h = normed(block.norm, h);
    });
    caches.length += 1;
    const z = normed(model.final_norm, h);
    return z.reduce((sum, v, i) => sum + v * model.read_out[i], model.read_out_bias);
  }

  function begin(model, context) {
    const caches = { length: 0, layers: model.blocks.map(() => ({ keys: [], values: [] })) };
    context.forEach((token) => step(model, caches, token));
    return caches;
  }

  // The prediction at x after the context; the caches are left as they were.
  function say(model, caches, x) {
    const length = caches.length, y = step(model, caches, x);
    caches.length = length;
    caches.layers.forEach((layer) => {
      layer.keys.length = Math.min(layer.keys.length, length);
      layer.values.length = Math.min(layer.values.length, length);
    });
    return y;
  }

  // x_1, y_1, .., x_n, y_n of a polynomial at n fixed places in [-s, s]
  function context(coefficients, points, s) {
    const tokens = [], f = (x) => coefficients.reduceRight((sum, c) => sum * x + c, 0);
    for (let i = 1; i <= points; i++) {
      const x = s * (2 * ((i * 0.6180339887498949) % 1) - 1);
      tokens.push(x, f(x));
    }
    return { tokens, f };
  }

  return { decode, begin, say, context, erf };
})();

if (typeof module !== "undefined") module.exports = ICL;
