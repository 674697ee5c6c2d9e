/** The time, for what is told as "3 s ago". It ticks only while something shows it. */
import { useEffect } from "./html.js";
import { signal } from "./vendor/signals.js";

const now = signal(Date.now());
let [shown, timer] = [0, 0];

/** Milliseconds, each second anew. */
export function useNow() {
  useEffect(() => {
    if (++shown === 1) timer = setInterval(() => (now.value = Date.now()), 1000);
    return () => --shown || clearInterval(timer);
  }, []);
  return now.value;
}
