/** Variables of what is started, row by row. */
import { PairList, type PairListProps } from "./pair-list.tsx";

export function EnvironmentList(props: Pick<PairListProps, "hint" | "pairs" | "problems" | "onChange">) {
  return <PairList label="Environment" one="variable" placeholder={{ name: "EDITOR", value: "vim" }} {...props} />;
}
