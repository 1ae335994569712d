// The area of a circle, by points thrown at random: the more of them, the nearer, and the more gas.

/** π, about. The same points for the same seed. */
export function estimate(points: i32, seed: u32): f64 {
  let state: u32 = seed | 1;
  let within = 0;
  for (let i = 0; i < points; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    const x = <f64>(state & 0xffff) / 65536.0;
    const y = <f64>(state >> 16) / 65536.0;
    if (x * x + y * y < 1.0) within++;
  }
  return points > 0 ? (4.0 * within) / points : 0.0;
}
