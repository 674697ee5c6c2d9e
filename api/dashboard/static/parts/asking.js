/** Buttons that ask the service for something: one thing at a time, and what it says if it refuses. */
import { announce } from "../announcing.js";
import { useState } from "../html.js";

const IDLE = { isBusy: false, error: /** @type {Error | null} */ (null) };

/** @returns {{isBusy: boolean, error: Error | null, act: (work: () => Promise<void>, done: string) => Promise<void>}}  `done`: words for screen readers. */
export function useAsking() {
  const [state, setState] = useState(IDLE);
  const act = async (work, done) => {
    setState({ isBusy: true, error: null });
    try {
      await work();
      setState(IDLE);
      announce(done);
    } catch (error) {
      setState({ isBusy: false, error });
    }
  };
  return { ...state, act };
}
