/** Answers to held-out rows, row by row instead of evaluation by evaluation. */

/**
 * @typedef {{line: number, question: string, target: string, output: string, scores: Record<string, number>,
 *   images: string[]}} Prediction
 * @typedef {{event_id: number, attempt: number, step: number, predictions: Prediction[]}} Sample
 * @typedef {{step: number, output: string, scores: Record<string, number>, isRight: boolean, hasChanged: boolean}} Answer
 * @typedef {{line: number, question: string, target: string, images: string[], answers: Answer[]}} Row
 */

/** Evaluations by step; of a step that was repeated, the newest. @param {Sample[]} samples */
export function bySteps(samples) {
  const steps = new Map();
  for (const sample of [...samples].sort((one, other) => one.event_id - other.event_id)) {
    steps.set(sample.step, sample);
  }
  return [...steps.values()].sort((one, other) => one.step - other.step);
}

/** @param {Sample[]} samples  @returns {Row[]} */
export function byRows(samples) {
  /** @type {Map<number, Row>} */
  const rows = new Map();
  for (const { step, predictions } of bySteps(samples)) {
    for (const { line, question, target, output, scores, images } of predictions) {
      /** @type {Row} */
      const row = rows.get(line) ?? { line, question, target, images, answers: [] };
      const before = row.answers.at(-1);
      const hasChanged = before !== undefined && before.output !== output;
      row.answers.push({ step, output, scores, isRight: output.trim() === target.trim(), hasChanged });
      rows.set(line, row);
    }
  }
  return [...rows.values()];
}
