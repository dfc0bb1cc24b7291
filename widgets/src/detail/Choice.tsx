/** Choice: a few words side by side, one of them chosen; the arrow keys are those of native radio buttons. */

import { useOwnId } from "../ids";

/** Render a choice; `options` are ids with their words. */
export function Choice<T extends string>({ label, options, chosen, onChoose }: {
  label: string;
  options: readonly (readonly [T, string])[];
  chosen: T;
  onChoose: (id: T) => void;
}) {
  const name = useOwnId();
  return (
    <fieldset class="mc-choice">
      <legend class="mc-spoken">{label}</legend>
      {options.map(([id, words]) => (
        <label key={id}>
          <input type="radio" name={name} checked={id === chosen} onChange={() => onChoose(id)} />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}
